import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type CoreId, CurrentPrincipal } from "@koredump/core"
import { type FakeRule, layerFakeAuthorizer } from "@koredump/core/testing"
import { Effect, Layer, Logger, Option, Redacted, References } from "effect"
import { HttpServerRequest } from "effect/http"
import { accessLog } from "../../src/http/accessLog.ts"
import { addAudit } from "../../src/http/RequestInfo.ts"
import { layerTokenAuthorization } from "../../src/index.ts"
import { bodyOf, call, downloadUrl, large, reading, serve, type Served, type Settings, until } from "../served.ts"

const users = Layer.merge(
  layerTokenAuthorization,
  layerFakeAuthorizer(
    [
      {
        user: "ann",
        verbs: ["list", "get", "delete"],
        resources: ["coredumps", "coredumps/content"],
        namespace: "shop"
      },
      { user: "bob", verbs: ["list", "get"], resources: ["coredumps"] }
    ] satisfies ReadonlyArray<FakeRule>
  )
).pipe(Layer.provide(Layer.succeed(Authenticator, {
  authenticate: (token) => Effect.succeed({ username: Redacted.value(token), groups: ["devs", "on-call"] })
})))

const fields = { namespace: "shop", pod: "web-0", COREDUMP_ENVIRON: "SECRET=1" }

/** A server whose log shows warnings only. */
const audited = (settings: Settings = {}) =>
  serve({ authorization: users, core: { content: large, fields }, logLevel: "Warn", ...settings })

const as = (user: string, method = "GET") => ({
  method,
  headers: { authorization: `Bearer ${user}`, "x-request-id": "id-1", "x-forwarded-for": "192.0.2.1" }
})

const isAudit = ({ message }: Readonly<Record<string, unknown>>) => message === "audit"

/** The one line of the audit log, once it is there. */
const lineOf = ({ log }: Served) =>
  Effect.gen(function*() {
    yield* until(() => log.some(isAudit))
    const lines = log.filter(isAudit)
    assert.lengthOf(lines, 1)
    return lines[0]!["annotations"] as Record<string, unknown>
  })

const metadataUrl = (served: Served) => downloadUrl(served).replace("/download/", "/metadata/")
const deleteUrl = (served: Served) => downloadUrl(served).replace("/download/", "/delete/")

describe("the audit log", () => {
  it.live("a download: who, which core, from where, what came of it", () =>
    Effect.gen(function*() {
      const served = yield* audited()
      yield* bodyOf(yield* call(downloadUrl(served), as("ann")))
      assert.deepStrictEqual(yield* lineOf(served), {
        action: "download",
        user: "ann",
        groups: "devs,on-call",
        node: "node-1",
        id: served.ref.id,
        namespace: "shop",
        pod: "web-0",
        remote: "127.0.0.1",
        method: "GET",
        status: 200,
        bytes: large.length,
        request_id: "id-1"
      })
    }))

  it.live("a download that broke off has the bytes that were sent", () =>
    Effect.gen(function*() {
      const served = yield* audited({ file: () => ({ read: reading(large.subarray(0, 2_000_000)) }) })
      yield* bodyOf(yield* call(downloadUrl(served), as("ann")))
      const { bytes, status } = yield* lineOf(served)
      assert.deepStrictEqual([status, bytes], [500, 2_000_000])
    }))

  it.effect("has where from, though the connection is gone by then", () =>
    Effect.gen(function*() {
      let remoteAddress = Option.some("192.0.2.7")
      const request = {
        url: "/apiv1/cores/download/x",
        method: "GET",
        headers: {},
        get remoteAddress() {
          return remoteAddress
        }
      } as HttpServerRequest.HttpServerRequest
      const core = { node: "node-1", id: "x" as CoreId }
      const app = addAudit("download", core).pipe(
        Effect.provideService(CurrentPrincipal, { username: "ann", groups: [] }),
        Effect.andThen(Effect.sync(() => remoteAddress = Option.none())),
        Effect.andThen(Effect.interrupt)
      )
      const logged: Array<unknown> = []
      yield* accessLog(app).pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, request),
        Effect.exit,
        Effect.provide(Logger.layer([
          Logger.make(({ fiber, message }) =>
            logged.push([message, fiber.getRef(References.CurrentLogAnnotations)["remote"]])
          )
        ]))
      )
      assert.deepStrictEqual(logged.at(-1), [["audit"], "192.0.2.7"])
    }))

  it.live("refused attempts, with the pod of a core that the caller cannot even see", () =>
    Effect.gen(function*() {
      for (const [user, expected] of [["bob", 403], ["eve", 404]] as const) {
        for (
          const [method, action, urlOf] of [["GET", "download", downloadUrl], ["DELETE", "delete", deleteUrl]] as const
        ) {
          const served = yield* audited()
          const response = yield* call(urlOf(served), as(user, method))
          assert.notInclude(String(yield* bodyOf(response)), "web-0")
          const { bytes, ...line } = yield* lineOf(served)
          assert.include(line, { action, user, status: expected, namespace: "shop", pod: "web-0" })
          assert.strictEqual(bytes, 0)
        }
      }
    }))

  it.live("an attempt at a core that is not there", () =>
    Effect.gen(function*() {
      const served = yield* audited()
      yield* bodyOf(yield* call(downloadUrl(served).replace(".4242.", ".1."), as("ann")))
      const line = yield* lineOf(served)
      assert.include(line, { status: 404, id: served.ref.id.replace(".4242.", ".1.") as CoreId })
      assert.notProperty(line, "pod")
    }))

  it.live("a deletion", () =>
    Effect.gen(function*() {
      const served = yield* audited()
      yield* bodyOf(yield* call(deleteUrl(served), as("ann", "DELETE")))
      assert.include(yield* lineOf(served), { action: "delete", user: "ann", status: 200, pod: "web-0" })
    }))

  it.live("the environment, where it was shown: in metadata and in lists", () =>
    Effect.gen(function*() {
      for (const urlOf of [metadataUrl, ({ url }: Served) => `${url}/apiv1/cores?fields=COREDUMP_ENVIRON,id&limit=1`]) {
        const served = yield* audited()
        const shown = String(yield* bodyOf(yield* call(urlOf(served), as("ann"))))
        assert.include(shown, "SECRET")
        const { bytes, ...line } = yield* lineOf(served)
        assert.include(line, { action: "read-environment", user: "ann", status: 200, pod: "web-0" })
        assert.strictEqual(bytes, shown.length)
      }
    }))

  it.live("not what shows no environment", () =>
    Effect.gen(function*() {
      const served = yield* audited()
      for (const url of [metadataUrl(served), `${served.url}/apiv1/cores?fields=all&limit=1`]) {
        const shown = String(yield* bodyOf(yield* call(url, as("bob"))))
        assert.include(shown, "web-0")
        assert.notInclude(shown, "SECRET")
      }
      yield* bodyOf(yield* call(`${served.url}/apiv1/cores`, as("ann")))
      yield* bodyOf(yield* call(downloadUrl(served), as("ann")))
      assert.strictEqual((yield* lineOf(served))["action"], "download")
    }))

  it.live("names from callers and nodes make no lines of their own", () =>
    Effect.gen(function*() {
      const served = yield* audited({ core: { content: large, fields: { ...fields, pod: `a\n${"b".repeat(300)}` } } })
      yield* bodyOf(yield* call(downloadUrl(served), as("bob")))
      const { pod } = yield* lineOf(served)
      assert.match(String(pod), /^a\?b{254}$/)
    }))
})
