/** Queries of all shapes: each is answered or rejected, and none costs much or ends the server. */
import { assert, describe, it } from "@effect/vitest"
import { filterFields } from "@koredump/core"
import { Effect } from "effect"
import { Agent } from "node:http"
import { call, readBody, serve } from "../support/httpServer.ts"
import { makeRandom } from "../support/random.ts"

const seed = 20_261_129
const count = 2500

const names = `${
  Object.keys(filterFields).join(" ")
} state since until q sort order limit continue fields strict resourceVersion
  decompress __proto__ constructor toString a[b] id[] %00 % %ff \u{e0041}`.split(/\s+/).concat("")
const values = `0 -1 1 1000 1001 1e9 0x10 NaN Infinity true false null any present missing size timestamp asc desc all
  id,title id,id,id __proto__ 3d -3d 99999999999d 90m 2026-11-29T00:00:00Z +275760-09-13T00:00:00Z 2026-13-45T99:99:99Z
  SEGV 11 * a* (a+)+$ [ \\ ' " ; $(id) {{7*7}} <script> ../../etc/passwd %00 %0d%0a %ff%fe %e0%80%ae % %zz %u0041 + %20
  \u{1f600} \u202e W10 eyJhIjoxfQ a-1 a-1~w zz-99999999999999999`.split(/\s+/)
  .concat("", "\ud800", "9".repeat(30), "a".repeat(300), "a,".repeat(500), "%25".repeat(200))
const paths = ["/apiv1/cores", "/apiv1/cores", "/apiv1/nodes", "/apiv1/cores/metadata/ID", "/apiv1/cores/download/ID"]

/** One connection for all requests. */
const makeAgent = Effect.acquireRelease(
  Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
  (agent) => Effect.sync(() => agent.destroy())
)

describe("queries", () => {
  it.live(`${count} random ones are answered or rejected (seed ${seed})`, () =>
    Effect.gen(function*() {
      const { integer, pick } = makeRandom(seed)
      const served = yield* serve({ core: { content: new Uint8Array(10) } })
      const found = new Map<number, number>()
      const agent = yield* makeAgent
      for (let run = 0; run < count; run++) {
        const parameters = Array.from(
          { length: pick([1, 1, 2, 3, 5, 40]) },
          () => `${pick(names)}${pick(["=", "=", "=", "", "=="])}${pick(values)}`
        )
        const path = pick(paths).replace("ID", served.ref.id)
        const query = parameters.join(pick(["&", "&", "&", ";", "&&", "?"])).slice(0, integer(20) === 0 ? 40_000 : 4000)
        // Only what a request line can contain, in UTF-8. Other bytes never reach the query.
        const target = encodeURI(`${path}?${query.toWellFormed()}`).replaceAll("%25", "%")
        const started = performance.now()
        const response = yield* call(served.url, { path: target, agent })
        const body = String(yield* readBody(response))
        const status = response.statusCode!
        const note = `${status} for ${target.slice(0, 500)}: ${body.slice(0, 300)}`
        assert.include([200, 400, 404, 410, 431], status, note)
        if (status !== 200) {
          assert.strictEqual(response.headers["content-type"], "application/problem+json", note)
          assert.isBelow(body.length, 2000, note)
          assert.isFalse(Array.from(body).some((character) => character < " "), note)
        }
        assert.isBelow(performance.now() - started, 5000, note)
        found.set(status, (found.get(status) ?? 0) + 1)
      }
      assert.isAbove(found.get(200) ?? 0, 50)
      assert.isAbove(found.get(400) ?? 0, 1000)
      assert.strictEqual((yield* call(`${served.url}/health`)).statusCode, 200)
      assert.deepStrictEqual(served.log.filter(({ level }) => level === "ERROR" || level === "FATAL"), [])
      assert.strictEqual(served.open(), 0)
    }), 120_000)

  it.live("names of Object.prototype are ordinary unknown parameters", () =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "__proto__[x]"]) {
        const response = yield* call(`${url}/apiv1/cores?${encodeURIComponent(name)}=1`)
        assert.strictEqual(response.statusCode, 400)
        assert.include(String(yield* readBody(response)), name)
      }
      assert.isUndefined(({} as Record<string, unknown>)["x"])
    }))
})
