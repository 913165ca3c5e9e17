/**
 * A table of permissions × verbs × namespaces against the real Kubernetes API. A forbidden request returns no byte of a core
 * and no field of its metadata. No node receives the token of a caller.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { corePath } from "../../../host/test/support/Http.ts"
import { everything, everythingOnNodes, makeUser, type Rule } from "../support/Access.ts"
import { type ClusterServer, nodeToken, sees, startCluster } from "../support/ClusterServer.ts"
import { makeBytes, makeSecret, type SimCore, SimNodes } from "../support/SimNodes.ts"
import { deletePath } from "../support/verify.ts"

// Namespaces that only this test uses.
const [shop, bank] = ["koredump-e2e-shop", "koredump-e2e-bank"]

const places = ["shop", "bank", "host", "unknown"] as const
type Place = typeof places[number]

const cores: Readonly<Record<Place, SimCore>> = {
  shop: { namespace: shop },
  bank: { namespace: bank },
  host: { fields: { COREDUMP_CGROUP: "/system.slice/cron.service" } },
  // Without a journal entry, so its namespace is not known.
  unknown: { fields: { state: "pending" } }
}

type Verb = "list" | "watch" | "get" | "content" | "delete"

interface Permission {
  readonly rules: ReadonlyArray<Rule>
  /** Whether a user with this permission can do this. */
  readonly allows: (verb: Verb, place: Place) => boolean
}

const inShop = (place: Place) => place === "shop"
const inPods = (place: Place) => place !== "host"
const onNodes = (place: Place) => place === "host"

const only = (verbs: ReadonlyArray<string>, namespace?: string): Rule => ({
  verbs,
  resources: ["coredumps"],
  ...(namespace === undefined ? {} : { namespace })
})
const content = (namespace?: string): Rule => ({
  verbs: ["get"],
  resources: ["coredumps/content"],
  ...(namespace === undefined ? {} : { namespace })
})

const permissions: Readonly<Record<string, Permission>> = {
  none: { rules: [], allows: () => false },
  "all-in-shop": { rules: [everything(shop)], allows: (_, place) => inShop(place) },
  "list-in-shop": { rules: [only(["list"], shop)], allows: (verb, place) => verb === "list" && inShop(place) },
  "watch-in-shop": { rules: [only(["watch"], shop)], allows: (verb, place) => verb === "watch" && inShop(place) },
  "get-in-shop": { rules: [only(["get"], shop)], allows: (verb, place) => verb === "get" && inShop(place) },
  "delete-in-shop": { rules: [only(["delete"], shop)], allows: () => false },
  "content-in-shop": { rules: [content(shop)], allows: () => false },
  "read-in-shop": {
    rules: [only(["get"], shop), content(shop)],
    allows: (verb, place) => (verb === "get" || verb === "content") && inShop(place)
  },
  "see-all": {
    rules: [only(["get", "list", "watch"])],
    allows: (verb, place) => (verb === "get" || verb === "list" || verb === "watch") && inPods(place)
  },
  "all-of-pods": { rules: [everything()], allows: (_, place) => inPods(place) },
  "all-of-nodes": { rules: [everythingOnNodes], allows: (_, place) => onNodes(place) },
  "all-of-all": { rules: [everything(), everythingOnNodes], allows: () => true },
  "elsewhere": {
    rules: [{ verbs: ["*"], resources: ["coredumps"], namespace: "koredump-e2e-elsewhere" }],
    allows: () => false
  }
}

const names = ["worker-1", "worker-2"]
let nodes: SimNodes
let server: ClusterServer
const ids = new Map<Place, { readonly node: string; readonly id: string }>()
const tokens = new Map<string, string>()

beforeAll(async () => {
  nodes = await SimNodes.start(names)
  for (const [i, place] of places.entries()) {
    const node = names[i % names.length]!
    ids.set(place, { node, id: nodes.crash(node, cores[place]) })
  }
  for (const [name, { rules }] of Object.entries(permissions)) tokens.set(name, await makeUser(name, rules))
  server = await startCluster(nodes)
  await sees(server.url, tokens.get("all-of-all")!, places.length)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await nodes[Symbol.asyncDispose]()
})

const send = (token: string, path: string, method = "GET") =>
  fetch(new URL(path, server.url), { method, headers: { authorization: `Bearer ${token}` } })

/** The IDs in the replay of a watch. */
const watched = async (token: string): Promise<string> => {
  const response = await send(token, "/apiv1/watch?state=any")
  assert.strictEqual(response.status, 200)
  let text = ""
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (text.includes("BOOKMARK")) break
  }
  return text
}

describe.each(Object.entries(permissions))("%s", (name, { allows }) => {
  const token = () => tokens.get(name)!

  /** Checks that a response contains nothing of cores that the user cannot read. */
  const assertSilent = (answer: string, verb: Verb) => {
    for (const place of places) {
      const { id } = ids.get(place)!
      if (allows(verb, place)) assert.include(answer, id, `${verb} ${place}`)
      else assert.notInclude(answer, id, `${verb} ${place}`)
    }
  }

  it("filters a list", async () => {
    const response = await send(token(), "/apiv1/cores?state=any")
    assert.strictEqual(response.status, 200)
    assertSilent(await response.text(), "list")
  })

  it("filters a list with all fields", async () => {
    const response = await send(token(), "/apiv1/cores?state=any&fields=all&limit=100")
    assert.strictEqual(response.status, 200)
    const text = await response.text()
    assertSilent(text, "list")
    for (const place of places) {
      const { id } = ids.get(place)!
      if (!allows("content", place)) assert.notInclude(text, makeSecret(id), place)
    }
  })

  it("filters a watch", async () => {
    assertSilent(await watched(token()), "watch")
  })

  describe.each(places)("%s", (place) => {
    const ref = () => ids.get(place)!
    const isAllowed = (verb: Verb) => allows(verb, place)
    const isVisible = isAllowed("get") || isAllowed("list")

    it("protects metadata", async () => {
      const response = await send(token(), corePath("metadata", ref()))
      const text = await response.text()
      assert.strictEqual(response.status, isAllowed("get") ? 200 : isVisible ? 403 : 404, text)
      if (isAllowed("get")) assert.include(text, "COREDUMP_PID")
      else assert.notInclude(text, "COREDUMP_")
      if (isAllowed("get") && isAllowed("content")) assert.include(text, makeSecret(ref().id))
      else assert.notInclude(text, makeSecret(ref().id))
    })

    it.each(["GET", "HEAD"])("protects downloads: %s", async (method) => {
      const before = nodes.requests.length
      const response = await send(token(), corePath("download", ref()), method)
      const text = await response.text()
      assert.strictEqual(response.status, isAllowed("content") ? 200 : isVisible ? 403 : 404, text)
      if (isAllowed("content")) assert.strictEqual(text, method === "GET" ? makeBytes(ref().id) : "")
      else {
        assert.notInclude(text, makeBytes(ref().id))
        assert.isNull(response.headers.get("etag"))
        // The node does not receive a request.
        assert.deepStrictEqual(nodes.since(before).filter(({ path }) => path.includes("download")), [])
      }
    })

    // An allowed deletion would remove the core that the other cases use. See "allows deletions with permission".
    if (!isAllowed("delete")) {
      it("rejects a forbidden deletion", async () => {
        const response = await send(token(), deletePath(ref()), "DELETE")
        assert.strictEqual(response.status, isVisible ? 403 : 404, await response.text())
        assert.deepStrictEqual(nodes.requests.filter(({ method }) => method === "DELETE"), [])
      })
    }
  })

  it("filters a list of one namespace", async () => {
    for (const [place, namespace] of [["shop", shop], ["bank", bank]] as const) {
      const response = await send(token(), `/apiv1/cores?namespace=${namespace}`)
      assert.strictEqual(response.status, allows("list", place) ? 200 : 403, await response.text())
    }
  })

  it("nodes", async () => {
    const response = await send(token(), "/apiv1/nodes")
    const text = await response.text()
    assert.strictEqual(response.status, allows("list", "host") ? 200 : 403, text)
    if (response.status !== 200) { for (const node of names) assert.notInclude(text, node) }
  })
})

it("allows deletions with permission", async () => {
  for (const [name, { allows }] of Object.entries(permissions)) {
    for (const place of places.filter((place) => allows("delete", place))) {
      const node = names[0]!
      const id = nodes.crash(node, cores[place])
      await sees(server.url, tokens.get("all-of-all")!, places.length + 1)
      const response = await send(tokens.get(name)!, deletePath({ node, id }), "DELETE")
      assert.strictEqual(response.status, 200, `${name} ${place}: ${await response.text()}`)
      await sees(server.url, tokens.get("all-of-all")!, places.length)
    }
  }
})

it("sends no token of a caller to a node", () => {
  const seen = new Set(nodes.requests.map(({ authorization }) => authorization))
  assert.deepStrictEqual([...seen], [`Bearer ${nodeToken}`])
})
