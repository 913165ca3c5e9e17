/**
 * The chart's roles for people: each lets them do what it is named for and no more, and each right in it is needed,
 * since without it one of those things fails.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { corePath, request, type WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace, people } from "../support/Access.ts"
import { crashInCgroup } from "../support/Cluster.ts"
import { koreapi, koredump } from "../support/Koredump.ts"
import { apply, serving, tokenOf } from "../support/Kube.ts"
import { type As, curlStatus, deletePath, isIdentified, proveCore, proveHidden } from "../support/prove.ts"
import { accountWith, type Right, rightsOf, textOf } from "../support/Rights.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "chart-roles"
const scopes = {
  koredump: { resource: "coredumps", namespace: ns },
  "koredump-node": { resource: "nodecoredumps", namespace: undefined }
} as const
const roles = ["viewer", "downloader", "deleter"] as const
const operations = {
  viewer: ["list", "watch", "get"],
  downloader: ["list", "watch", "get", "content"],
  deleter: ["list", "watch", "get", "content", "delete"]
} as const

let url: string
let watch: Watch
const cores = {} as Record<keyof typeof scopes, WireCore>
const fetched = {} as Record<keyof typeof scopes, WireCore>

beforeAll(async () => {
  url = await koreapi()
  watch = await Watch.open({ url, token: await makeUser("roles", [everything(), everythingOnNodes]) })
  const pod = (name: string) => podObject(ns, name, podSpec([crashing("main")], { node: "node-1" }))
  await apply(namespace(ns), pod("one"), pod("two"))
  for (const service of ["one", "two"]) await crashInCgroup("node-1", `/system.slice/${service}.roles`)
  const coreOf = async (name: string): Promise<Record<keyof typeof scopes, WireCore>> => {
    const ofPod = await watch.find(
      ({ object }) => object["namespace"] === ns && object["pod"] === name && isIdentified(object),
      name
    )
    const ofNode = await watch.find(
      ({ object }) => object.state === "present" && String(object["COREDUMP_CGROUP"]).endsWith(`/${name}.roles`),
      `${name} of the node`
    )
    return { koredump: ofPod.object, "koredump-node": ofNode.object }
  }
  Object.assign(cores, await coreOf("one"))
  Object.assign(fetched, await coreOf("two"))
})
afterAll(() => watch[Symbol.asyncDispose]())

/** What somebody can do with a core, of all that one can but deleting it. */
const abilities = async (as: As, core: WireCore): Promise<ReadonlyArray<string>> => {
  const seen = await Watch.open(as)
  await seen[Symbol.asyncDispose]()
  const list = await (await request(as, "/apiv1/cores")).json() as ReadonlyArray<WireCore>
  return [
    ...(list.some(({ id }) => id === core.id) ? ["list"] : []),
    ...(seen.events.some(({ object }) => object.id === core.id) ? ["watch"] : []),
    ...(await curlStatus(as, corePath("metadata", core)) === 200 ? ["get"] : []),
    ...(await curlStatus(as, corePath("download", core), "--head") === 200 ? ["content"] : [])
  ]
}

/** Which ability a right is for. */
const abilityOf = ({ resource, verb }: Right) => resource.endsWith("/content") ? "content" : verb

describe.each(Object.keys(scopes) as ReadonlyArray<keyof typeof scopes>)("%s", (prefix) => {
  const { namespace } = scopes[prefix]

  const user = async (name: string, rights: ReadonlyArray<Right>): Promise<As> => {
    await accountWith(name, rights, namespace)
    return { url, token: await tokenOf(people, name, "koredump") }
  }

  it.each(roles)("%s: what it says, and no right too many", async (role) => {
    const name = `${prefix}-${role}`
    const core = cores[prefix]
    const rights = await rightsOf(name)
    const expected = operations[role].filter((ability) => ability !== "delete")
    const whole = await user(name, rights)
    assert.deepStrictEqual(await abilities(whole, core), expected)
    for (const [i, right] of rights.entries()) {
      const lacking = await user(`${name}-${i}`, rights.filter((other) => other !== right))
      if (right.verb === "delete") {
        assert.strictEqual(await curlStatus(lacking, deletePath(core), "-X", "DELETE"), 403, textOf(right))
      } else {
        assert.notInclude(await abilities(lacking, core), abilityOf(right), `without ${textOf(right)}`)
      }
    }
    // Last, for it ends the core.
    assert.strictEqual(await curlStatus(whole, deletePath(core), "-X", "DELETE"), role === "deleter" ? 200 : 403)
  })

  it("a downloader fetches through the Service and through kubectl port-forward; others do not", async () => {
    const as = { url, token: await tokenOf(people, `${prefix}-downloader`, "koredump") }
    // Deleted by now is the one that the others were about.
    const core = fetched[prefix]
    await using forward = await serving("port-forward", "-n", koredump, "svc/koreapi", ":80")
    const stranger = await makeUser("stranger", [])
    for (const way of [url, forward.url]) {
      await proveCore({ ...as, url: way }, core)
      await proveHidden({ url: way, token: stranger }, core)
    }
  })

  it("nothing of the others' cores", async () => {
    const other = fetched[prefix === "koredump" ? "koredump-node" : "koredump"]
    const as = { url, token: await tokenOf(people, `${prefix}-deleter`, "koredump") }
    assert.deepStrictEqual(await abilities(as, other), [])
    assert.strictEqual(await curlStatus(as, deletePath(other), "-X", "DELETE"), 404)
  })
})
