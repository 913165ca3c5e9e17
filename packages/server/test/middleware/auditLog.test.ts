import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type CoreId, CurrentPrincipal } from "@koredump/core"
import { type FakeRule, layerFakeAuthorizer } from "@koredump/core/testing"
import { Effect, Layer, Logger, Option, Redacted, References } from "effect"
import { HttpServerRequest } from "effect/http"
import { layerTokenAuthorization } from "../../src/index.ts"
import { withAccessLog } from "../../src/middleware/accessLog.ts"
import { addAudit } from "../../src/middleware/RequestInfo.ts"
import {
  call,
  downloadUrl,
  large,
  readBody,
  readFrom,
  serve,
  type Served,
  type Settings,
  until
} from "../support/httpServer.ts"

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

/** Starts a server that logs warnings only. */
const serveAudited = (settings: Settings = {}) =>
  serve({ authorization: users, core: { content: large, fields }, logLevel: "Warn", ...settings })

const as = (user: string, method = "GET") => ({
  method,
  headers: { authorization: `Bearer ${user}`, "x-request-id": "id-1", "x-forwarded-for": "192.0.2.1" }
})

const isAudit = ({ message }: Readonly<Record<string, unknown>>) => message === "audit"

const readAnnotations = (log: Served["log"]) =>
  log.filter(isAudit).map(({ annotations }) => annotations as Record<string, unknown>)

/** Waits for the audit log of one action. Returns its last line. The first line is the same without the result. */
const readEntry = ({ log }: Served) =>
  Effect.gen(function*() {
    yield* until(() => readAnnotations(log).some(({ event }) => event === "end"))
    const [start, end, ...more] = readAnnotations(log)
    assert.lengthOf(more, 0)
    const { bytes: _, status: __, ...entry } = end!
    assert.deepStrictEqual(start, { ...entry, event: "start" })
    return end!
  })

const metadataUrl = (served: Served) => downloadUrl(served).replace("/download/", "/metadata/")
const deleteUrl = (served: Served) => downloadUrl(served).replace("/download/", "/delete/")

describe("the audit log", () => {
  it.live("records who downloaded which core, from where, and the result", () =>
    Effect.gen(function*() {
      const served = yield* serveAudited()
      yield* readBody(yield* call(downloadUrl(served), as("ann")))
      assert.deepStrictEqual(yield* readEntry(served), {
        event: "end",
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

  it.live("has a line before the first byte of the core is read", () =>
    Effect.gen(function*() {
      for (const query of ["", "?decompress=true"]) {
        const before: Array<unknown> = []
        const served: Served = yield* serveAudited({
          beforeOpen: Effect.sync(() => before.push(...readAnnotations(served.log)))
        })
        yield* readBody(yield* call(downloadUrl(served, query), as("ann")))
        assert.lengthOf(before, 1)
        assert.include(before[0], { event: "start", action: "download", user: "ann", id: served.ref.id })
      }
    }))

  it.live("records the bytes sent of an incomplete download", () =>
    Effect.gen(function*() {
      const served = yield* serveAudited({ file: () => ({ read: readFrom(large.subarray(0, 2_000_000)) }) })
      yield* readBody(yield* call(downloadUrl(served), as("ann")))
      const { bytes, status } = yield* readEntry(served)
      assert.deepStrictEqual([status, bytes], [500, 2_000_000])
    }))

  it.effect("records the remote address even if the connection is closed by then", () =>
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
      yield* withAccessLog(app).pipe(
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

  it.live("records rejected attempts, with the pod of a core that the caller cannot see", () =>
    Effect.gen(function*() {
      for (const [user, expected] of [["bob", 403], ["eve", 404]] as const) {
        for (
          const [method, action, getUrl] of [["GET", "download", downloadUrl], ["DELETE", "delete", deleteUrl]] as const
        ) {
          const served = yield* serveAudited()
          const response = yield* call(getUrl(served), as(user, method))
          assert.notInclude(String(yield* readBody(response)), "web-0")
          const { bytes, ...entry } = yield* readEntry(served)
          assert.include(entry, { action, user, status: expected, namespace: "shop", pod: "web-0" })
          assert.strictEqual(bytes, 0)
        }
      }
    }))

  it.live("records an attempt to download an unknown core", () =>
    Effect.gen(function*() {
      const served = yield* serveAudited()
      yield* readBody(yield* call(downloadUrl(served).replace(".4242.", ".1."), as("ann")))
      const entry = yield* readEntry(served)
      assert.include(entry, { status: 404, id: served.ref.id.replace(".4242.", ".1.") as CoreId })
      assert.notProperty(entry, "pod")
    }))

  it.live("records a deletion", () =>
    Effect.gen(function*() {
      const served = yield* serveAudited()
      yield* readBody(yield* call(deleteUrl(served), as("ann", "DELETE")))
      assert.include(yield* readEntry(served), { action: "delete", user: "ann", status: 200, pod: "web-0" })
    }))

  it.live("records that the environment was read, in metadata and in lists", () =>
    Effect.gen(function*() {
      for (
        const getUrl of [metadataUrl, ({ url }: Served) => `${url}/apiv1/cores?fields=COREDUMP_ENVIRON,id&limit=1`]
      ) {
        const served = yield* serveAudited()
        const shown = String(yield* readBody(yield* call(getUrl(served), as("ann"))))
        assert.include(shown, "SECRET")
        const { bytes, ...entry } = yield* readEntry(served)
        assert.include(entry, { action: "read-environment", user: "ann", status: 200, pod: "web-0" })
        assert.strictEqual(bytes, shown.length)
      }
    }))

  it.live("does not record metadata and lists without the environment", () =>
    Effect.gen(function*() {
      const served = yield* serveAudited()
      for (const url of [metadataUrl(served), `${served.url}/apiv1/cores?fields=all&limit=1`]) {
        const shown = String(yield* readBody(yield* call(url, as("bob"))))
        assert.include(shown, "web-0")
        assert.notInclude(shown, "SECRET")
      }
      yield* readBody(yield* call(`${served.url}/apiv1/cores`, as("ann")))
      yield* readBody(yield* call(downloadUrl(served), as("ann")))
      assert.strictEqual((yield* readEntry(served))["action"], "download")
    }))

  it.live("sanitizes names from callers and nodes", () =>
    Effect.gen(function*() {
      const served = yield* serveAudited({
        core: { content: large, fields: { ...fields, pod: `a\n${"b".repeat(300)}` } }
      })
      yield* readBody(yield* call(downloadUrl(served), as("bob")))
      const { pod } = yield* readEntry(served)
      assert.match(String(pod), /^a\?b{254}$/)
    }))
})
