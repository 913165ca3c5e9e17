import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { gunzipSync } from "node:zlib"
import { makeAsset, respondWithAsset } from "../../src/http/asset.ts"

// Longer than one part.
const text = "ä, b, c\n".repeat(30_000)
const asset = await makeAsset(text, "text/plain", { "x-own": "1" })

const get = (headers: Record<string, string>) =>
  Effect.map(
    Effect.provideService(
      respondWithAsset(asset),
      HttpServerRequest.HttpServerRequest,
      HttpServerRequest.fromWeb(new Request("http://koredump.test/", { headers }))
    ),
    HttpServerResponse.toWeb
  )

const readBytes = (response: Response) =>
  Effect.promise(() => response.arrayBuffer().then((bytes) => Buffer.from(bytes)))

describe("an asset", () => {
  it.effect.each(
    [
      [{}, undefined],
      [{ "accept-encoding": "identity" }, undefined],
      [{ "accept-encoding": "br, deflate" }, undefined],
      [{ "accept-encoding": "gzip;q=0, br" }, undefined],
      [{ "accept-encoding": "*;q=0" }, undefined],
      [{ "accept-encoding": "br, gzip" }, "gzip"],
      [{ "accept-encoding": "GZIP;q=0.1" }, "gzip"],
      [{ "accept-encoding": "*" }, "gzip"]
    ] as const
  )("%j is answered with the encoding %s", ([headers, encoding]) =>
    Effect.gen(function*() {
      const response = yield* get(headers)
      const bytes = yield* readBytes(response)
      assert.strictEqual(response.status, 200)
      assert.strictEqual(response.headers.get("content-encoding") ?? undefined, encoding)
      assert.strictEqual(response.headers.get("content-length"), String(bytes.length))
      assert.strictEqual(response.headers.get("vary"), "Accept-Encoding")
      assert.strictEqual(response.headers.get("x-own"), "1")
      assert.strictEqual((encoding === undefined ? bytes : gunzipSync(bytes)).toString(), text)
    }))

  it.effect("is sent again only if the client has another one", () =>
    Effect.gen(function*() {
      const tags = [
        (yield* get({})).headers.get("etag")!,
        (yield* get({ "accept-encoding": "gzip" })).headers.get("etag")!
      ] as const
      assert.notStrictEqual(tags[0], tags[1])
      for (
        const [tag, accepted, status] of [
          [tags[0], "identity", 304],
          [`"other", W/${tags[0]}`, "identity", 304],
          [tags[1], "gzip", 304],
          ["*", "gzip", 304],
          [tags[1], "identity", 200],
          ["\"other\"", "gzip", 200]
        ] as const
      ) {
        const response = yield* get({ "if-none-match": tag, "accept-encoding": accepted })
        assert.strictEqual(response.status, status, `${tag} ${accepted}`)
        if (status === 304) assert.lengthOf(yield* readBytes(response), 0)
        assert.isTrue(response.headers.has("etag"))
      }
    }))
})
