/**
 * The chart's roles for users. Each grants exactly the operations that it is named for, and each of its permissions is
 * necessary: without it, one of these operations fails.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { corePath, request, type WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace, people } from "../support/Access.ts"
import { crashInCgroup } from "../support/Cluster.ts"
import { koreapi, koredump } from "../support/Koredump.ts"
import { apply, requestToken, serving } from "../support/Kube.ts"
import { createAccount, formatPermission, type Permission, readPermissions } from "../support/permissions.ts"
import { type As, curlStatus, deletePath, isIdentified, verifyCore, verifyHidden } from "../support/verify.ts"
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
  const waitForCore = async (name: string): Promise<Record<keyof typeof scopes, WireCore>> => {
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
  Object.assign(cores, await waitForCore("one"))
  Object.assign(fetched, await waitForCore("two"))
})
afterAll(() => watch[Symbol.asyncDispose]())

/** The operations that a user can do with a core, except deletion. */
const findOperations = async (as: As, core: WireCore): Promise<ReadonlyArray<string>> => {
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

/** The operation that a permission is for. */
const toOperation = ({ resource, verb }: Permission) => resource.endsWith("/content") ? "content" : verb

describe.each(Object.keys(scopes) as ReadonlyArray<keyof typeof scopes>)("%s", (prefix) => {
  const { namespace } = scopes[prefix]

  const user = async (name: string, permissions: ReadonlyArray<Permission>): Promise<As> => {
    await createAccount(name, permissions, namespace)
    return { url, token: await requestToken(people, name, "koredump") }
  }

  it.each(roles)("%s grants its operations and has no unnecessary permission", async (role) => {
    const name = `${prefix}-${role}`
    const core = cores[prefix]
    const permissions = await readPermissions(name)
    const expected = operations[role].filter((ability) => ability !== "delete")
    const whole = await user(name, permissions)
    assert.deepStrictEqual(await findOperations(whole, core), expected)
    for (const [i, permission] of permissions.entries()) {
      const limited = await user(`${name}-${i}`, permissions.filter((other) => other !== permission))
      if (permission.verb === "delete") {
        assert.strictEqual(
          await curlStatus(limited, deletePath(core), "-X", "DELETE"),
          403,
          formatPermission(permission)
        )
      } else {
        assert.notInclude(
          await findOperations(limited, core),
          toOperation(permission),
          `without ${formatPermission(permission)}`
        )
      }
    }
    // Last, because it deletes the core.
    assert.strictEqual(await curlStatus(whole, deletePath(core), "-X", "DELETE"), role === "deleter" ? 200 : 403)
  })

  it("a downloader can download through the Service and kubectl port-forward, and a user without roles cannot", async () => {
    const as = { url, token: await requestToken(people, `${prefix}-downloader`, "koredump") }
    // The other tests deleted their core.
    const core = fetched[prefix]
    await using forward = await serving("port-forward", "-n", koredump, "svc/koreapi", ":80")
    const stranger = await makeUser("stranger", [])
    for (const way of [url, forward.url]) {
      await verifyCore({ ...as, url: way }, core)
      await verifyHidden({ url: way, token: stranger }, core)
    }
  })

  it("grants no access to other cores", async () => {
    const other = fetched[prefix === "koredump" ? "koredump-node" : "koredump"]
    const as = { url, token: await requestToken(people, `${prefix}-deleter`, "koredump") }
    assert.deepStrictEqual(await findOperations(as, other), [])
    assert.strictEqual(await curlStatus(as, deletePath(other), "-X", "DELETE"), 404)
  })
})
