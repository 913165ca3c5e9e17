import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { chooseServer } from "../../src/connection/chooseServer.ts"
import { connection, environment } from "../fixtures.ts"

const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1" }
const example = { KOREDUMP_SERVER: "https://koredump.example" }

const chooseIn = (koredumpNamespace: string) =>
  Effect.provide(chooseServer(connection({ koredumpNamespace })), environment(inPod))

describe("chooseServer", () => {
  const cases: ReadonlyArray<readonly [string | undefined, Record<string, string>, string | RegExp]> = [
    [undefined, {}, "http://127.0.0.1:5000"],
    [undefined, { KOREDUMP_SERVER: "" }, "http://127.0.0.1:5000"],
    [undefined, example, "https://koredump.example specified"],
    ["http://other:5000", example, "http://other:5000 specified"],
    ["", example, "https://koredump.example specified"],
    ["unix:/run/koredump.sock", {}, "unix:/run/koredump.sock specified"],
    [undefined, inPod, "http://koreapi.koredump.svc.cluster.local in-cluster"],
    [undefined, { ...inPod, ...example }, "https://koredump.example specified"],
    ["https://koreapi.koredump.svc:8443", inPod, "https://koreapi.koredump.svc:8443 specified in-cluster"],
    [
      "http://koreapi.koredump.svc.cluster.local/",
      inPod,
      "http://koreapi.koredump.svc.cluster.local/ specified in-cluster"
    ],
    ["http://koreapi.other.svc", inPod, "http://koreapi.other.svc specified"],
    ["http://koreapi.koredump.svc.evil.example", inPod, "http://koreapi.koredump.svc.evil.example specified"],
    ["http://koreapi.koredump.svc", {}, "http://koreapi.koredump.svc specified"],
    ["koredump:5000", {}, /^Invalid server URL "[^"]+": it must start with http:/],
    ["http://user:pw@koredump", {}, /^Invalid server URL: a user/],
    ["http://koredump/?token=x", {}, /a user, query or fragment is not allowed/],
    ["ftp://koredump", {}, /^Invalid server URL "[^"]+": it must start with http:/],
    ["\u001b[2J", {}, /\\x1b\[2J/]
  ]
  for (const [server, variables, expected] of cases) {
    it.effect(`${JSON.stringify(server)} with ${JSON.stringify(variables)}`, () =>
      Effect.gen(function*() {
        const chosen = chooseServer(connection({ server: Option.fromUndefinedOr(server) })).pipe(
          Effect.provide(environment(variables))
        )
        if (typeof expected === "string") {
          const { isInCluster, isSpecified, url } = yield* chosen
          return assert.strictEqual(
            `${url}${isSpecified ? " specified" : ""}${isInCluster ? " in-cluster" : ""}`,
            expected
          )
        }
        const error = yield* Effect.flip(chosen)
        assert.strictEqual(error.exitCode, 2)
        assert.match(error.message, expected)
      }))
  }

  it.effect("finds the Service in the specified namespace", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* chooseIn("crashes")).url, "http://koreapi.crashes.svc.cluster.local")
      for (const bad of ["", "evil.example/", "A", "-a"]) {
        assert.strictEqual((yield* Effect.flip(chooseIn(bad))).exitCode, 2, bad)
      }
    }))
})
