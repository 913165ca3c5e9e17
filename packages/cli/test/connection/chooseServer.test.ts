import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { chooseServer } from "../../src/connection/chooseServer.ts"
import { connection, environment } from "../fixtures.ts"

const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1" }
const example = { KOREDUMP_SERVER: "https://koredump.example" }

const at = (koredumpNamespace: string) =>
  Effect.provide(chooseServer(connection({ koredumpNamespace })), environment(inPod))

describe("chooseServer", () => {
  const cases: ReadonlyArray<readonly [string | undefined, Record<string, string>, string | RegExp]> = [
    [undefined, {}, "http://127.0.0.1:5000"],
    [undefined, { KOREDUMP_SERVER: "" }, "http://127.0.0.1:5000"],
    [undefined, example, "https://koredump.example named"],
    ["http://other:5000", example, "http://other:5000 named"],
    ["", example, "https://koredump.example named"],
    ["unix:/run/koredump.sock", {}, "unix:/run/koredump.sock named"],
    [undefined, inPod, "http://koreapi.koredump.svc.cluster.local in-cluster"],
    [undefined, { ...inPod, ...example }, "https://koredump.example named"],
    ["https://koreapi.koredump.svc:8443", inPod, "https://koreapi.koredump.svc:8443 named in-cluster"],
    [
      "http://koreapi.koredump.svc.cluster.local/",
      inPod,
      "http://koreapi.koredump.svc.cluster.local/ named in-cluster"
    ],
    ["http://koreapi.other.svc", inPod, "http://koreapi.other.svc named"],
    ["http://koreapi.koredump.svc.evil.example", inPod, "http://koreapi.koredump.svc.evil.example named"],
    ["http://koreapi.koredump.svc", {}, "http://koreapi.koredump.svc named"],
    ["koredump:5000", {}, /must begin with http/],
    ["http://user:pw@koredump", {}, /^The server's URL can have no user/],
    ["http://koredump/?token=x", {}, /no user, query or fragment/],
    ["ftp://koredump", {}, /must begin with http/],
    ["\u001b[2J", {}, /\\x1b\[2J/]
  ]
  for (const [server, variables, expected] of cases) {
    it.effect(`${JSON.stringify(server)} with ${JSON.stringify(variables)}`, () =>
      Effect.gen(function*() {
        const chosen = chooseServer(connection({ server: Option.fromUndefinedOr(server) })).pipe(
          Effect.provide(environment(variables))
        )
        if (typeof expected === "string") {
          const { inCluster, named, url } = yield* chosen
          return assert.strictEqual(`${url}${named ? " named" : ""}${inCluster ? " in-cluster" : ""}`, expected)
        }
        const failure = yield* Effect.flip(chosen)
        assert.strictEqual(failure.exitCode, 2)
        assert.match(failure.message, expected)
      }))
  }

  it.effect("finds the Service in the namespace that is said", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* at("crashes")).url, "http://koreapi.crashes.svc.cluster.local")
      for (const bad of ["", "evil.example/", "A", "-a"]) {
        assert.strictEqual((yield* Effect.flip(at(bad))).exitCode, 2, bad)
      }
    }))
})
