import { assert, describe, it } from "@effect/vitest"
import {
  type ByteRange,
  CoreNotStored,
  CoreSource,
  type NodeStatus,
  type Problem,
  problemToJson,
  watchCores
} from "@koredump/core"
import { Effect, Layer, Logger, type Scope, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import {
  etag,
  type Handler,
  json,
  lastModified,
  makeCoreHandler,
  ref,
  serve,
  summary,
  withServer
} from "../../../../test-support/coreServer.ts"
import { layerRemoteCoreSource, makeRemoteCoreSource } from "../../src/effect.ts"

const list = (source: CoreSource["Service"]) => source.list({})
const nodes = (source: CoreSource["Service"]) => source.nodes
const text = (chunks: Iterable<Uint8Array>) => Buffer.concat([...chunks]).toString()

/** Runs an operation that must fail; succeeds with its problem. */
const failWith = <A>(
  handler: Handler,
  operation: (source: CoreSource["Service"]) => Effect.Effect<A, Problem, Scope.Scope>
) => Effect.flip(withServer(handler, operation))

const failWithStatus = (status: number) =>
  Effect.map(failWith((_, response) => response.writeHead(status).end("no"), list), ({ _tag }) => _tag)

/** The problem of a download whose response has these headers and this status. */
const failDownload = (headers: Record<string, string>, status: number, range?: ByteRange) =>
  failWith((request, response) => {
    const fileHeaders = { etag, "last-modified": lastModified, "content-length": "4" }
    if (request.method === "HEAD") return response.writeHead(200, fileHeaders).end()
    response.writeHead(status, { ...fileHeaders, ...headers }).end("abcd")
  }, (source) => Effect.flatMap(source.open(ref), (file) => Stream.runDrain(file.bytes(range))))

const failWatch = (lines: string) =>
  Effect.map(
    failWith((_, response) => response.end(lines), (source) => Stream.runDrain(source.changes())),
    ({ message }) => message
  )

const addedLine = (pid: number, version: string) =>
  `${
    JSON.stringify({
      type: "ADDED",
      object: { ...summary, id: ref.id.replace("4242", String(pid)), COREDUMP_PID: pid, resourceVersion: version }
    })
  }\n`

describe("list", () => {
  it.live("sends the query, the token and headers, and decodes version, unreachable nodes and the next page", () =>
    Effect.gen(function*() {
      let seen: unknown
      const answer = yield* withServer(
        (request, response) => {
          seen = [request.url, request.headers.authorization, request.headers["x-further"]]
          json(response, [{ ...summary, COREDUMP_NEW_FIELD: ["anything"] }], 200, {
            "koredump-resource-version": "a-7",
            "koredump-unreachable": "node-2, node-3",
            "link": "</apiv1/cores?limit=1&continue=WzFd>; rel=\"next\""
          })
        },
        (source) => source.list({ limit: 1, namespace: ["a b", "c&d"] }),
        { token: "secret", headers: { "x-further": "1" } }
      )
      assert.deepStrictEqual(seen, ["/apiv1/cores?namespace=a+b&namespace=c%26d&limit=1", "Bearer secret", "1"])
      assert.strictEqual(answer.cores[0]?.id, ref.id)
      assert.deepStrictEqual({ ...answer, cores: [] }, {
        cores: [],
        resourceVersion: "a-7",
        unreachable: ["node-2", "node-3"],
        continue: "WzFd"
      })
    }))

  it.live("keeps the path of the server's URL", () =>
    Effect.gen(function*() {
      let seen: unknown
      const url = yield* serve((request, response) => {
        seen = request.url
        json(response, [])
      })
      const client = layerRemoteCoreSource({ url: `${url}/kore/` }).pipe(Layer.provide(FetchHttpClient.layer))
      yield* CoreSource.use(list).pipe(Effect.provide(client))
      assert.strictEqual(seen, "/kore/apiv1/cores")
    }).pipe(Effect.scoped))
})

describe("nodes", () => {
  it.live("returns the nodes of the server, without unknown fields", () =>
    Effect.gen(function*() {
      let seen: unknown
      const status: NodeStatus = {
        name: "node-1",
        state: "unreachable",
        since: "2023-11-14T22:13:20Z",
        cores: 1,
        bytes: 2
      }
      const received = yield* withServer((request, response) => {
        seen = request.url
        json(response, [{ ...status, further: "of a later version" }])
      }, nodes)
      assert.strictEqual(seen, "/apiv1/nodes")
      assert.deepStrictEqual(received, [status])
    }))

  it.live("fails if the server has no such route or returns another format", () =>
    Effect.gen(function*() {
      const older = yield* failWith((_, response) => response.writeHead(404).end("no"), nodes)
      assert.match(older.message, /404/)
      const invalid = yield* failWith((_, response) => json(response, [{ name: "node-1", state: "fine" }]), nodes)
      assert.strictEqual(invalid._tag, "NodeFailed")
    }))
})

describe("failures", () => {
  it.live("returns the problem that the server sent", () =>
    Effect.gen(function*() {
      const problem = new CoreNotStored({ ...ref, detail: "RLIMIT_CORE" })
      const failure = yield* failWith(
        (_, response) =>
          response.writeHead(404, { "content-type": "application/problem+json" }).end(
            JSON.stringify(problemToJson(problem))
          ),
        (source) => source.open(ref)
      )
      assert.include(failure, { _tag: "CoreNotStored", detail: "RLIMIT_CORE", id: ref.id })
    }))

  it.live("quotes an HTML page of a proxy in one short line", () =>
    Effect.gen(function*() {
      const failure = yield* failWith(
        (_, response) => response.writeHead(502).end(`<html>\n\u001b[31m${"Bad Gateway ".repeat(10_000)}`),
        list
      )
      assert.strictEqual(failure._tag, "NodeFailed")
      assert.match(failure.message, /^http:\/\/127\.0\.0\.1:\d+ returned status 502: <html> \[31mBad Gateway .*…$/)
      assert.isBelow(failure.message.length, 400)
    }))

  it.live("maps 401 and 403 to their problems, even if the body is not a problem", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* failWithStatus(401), "Unauthorized")
      assert.strictEqual(yield* failWithStatus(403), "Forbidden")
    }))

  it.live("calls a token function for each request, and does not quote an invalid token", () =>
    Effect.gen(function*() {
      const sent: Array<string | undefined> = []
      const url = yield* serve((request, response) => {
        sent.push(request.headers.authorization)
        json(response, [])
      })
      let count = 0
      const renewed = yield* makeRemoteCoreSource({ url, token: async () => `t${++count}` })
      yield* renewed.list({})
      yield* renewed.list({})
      const withoutToken = yield* makeRemoteCoreSource({ url, token: "" })
      yield* withoutToken.list({})
      assert.deepStrictEqual(sent, ["Bearer t1", "Bearer t2", undefined])
      for (const token of ["s3cret\nx", () => "s3cret x", async () => Promise.reject(new Error("s3cret"))]) {
        const source = yield* makeRemoteCoreSource({ url, token })
        const failure = yield* Effect.flip(source.list({}))
        assert.strictEqual(failure._tag, "Unauthorized")
        assert.notInclude(JSON.stringify(failure) + failure.message, "s3cret")
      }
      assert.lengthOf(sent, 3)
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.live("fails with CoreNotFound, without a request, if the node's name cannot be part of a path", () =>
    Effect.gen(function*() {
      for (const node of [".", ".."]) {
        const nowhere = { ...ref, node }
        for (
          const operation of [
            (source: CoreSource["Service"]) => source.get(nowhere),
            (source: CoreSource["Service"]) => source.remove(nowhere),
            (source: CoreSource["Service"]) => source.open(nowhere)
          ]
        ) {
          const failure = yield* failWith(
            (_, response) => response.writeHead(500).end(),
            (source) => Effect.asVoid(operation(source))
          )
          assert.strictEqual(failure._tag, "CoreNotFound")
        }
      }
    }))

  it.live("does not follow a redirect, so that the token is not sent elsewhere", () =>
    Effect.gen(function*() {
      const requested: Array<unknown> = []
      const elsewhere = yield* serve((request, response) => {
        requested.push(request.headers)
        json(response, [])
      })
      const failure = yield* failWith(
        (_, response) => response.writeHead(302, { location: `${elsewhere}/x` }).end(),
        list
      )
      assert.match(failure.message, /redirects to http:\S+\. Redirects are not followed/)
      assert.deepStrictEqual(requested, [])
    }).pipe(Effect.scoped))

  it.live("names the error code if the server is unreachable", () =>
    Effect.gen(function*() {
      const url = yield* Effect.scoped(serve(() => {}))
      const failure = yield* Effect.flip(CoreSource.use(list)).pipe(
        Effect.provide(layerRemoteCoreSource({ url, retries: 0 }).pipe(Layer.provide(FetchHttpClient.layer)))
      )
      assert.include(failure, { _tag: "NodeFailed", detail: `Cannot reach ${url} (ECONNREFUSED).` })
    }))

  it.live("times out if the server sends no response, or stops within one", () =>
    Effect.gen(function*() {
      const hang = yield* Effect.flip(withServer(() => {}, list, { timeout: "50 millis" }))
      assert.strictEqual(hang._tag, "NodeTimeout")
      const stop = yield* Effect.flip(
        withServer((_, response) => response.writeHead(200).write("["), list, { idleTimeout: "50 millis" })
      )
      assert.strictEqual(stop._tag, "NodeTimeout")
    }))

  it.live("fails if a response is not JSON or has another format", () =>
    Effect.gen(function*() {
      const garbage = yield* failWith((_, response) => response.end("<!doctype html>"), list)
      assert.match(garbage.message, /did not return a koredump response: <!doctype html>/)
      const shape = yield* failWith((_, response) => json(response, [{ id: "../../etc/passwd" }]), list)
      assert.match(shape.message, /unexpected format/)
    }))

  it.live("retries reads after transient failures, but never deletions", () =>
    Effect.gen(function*() {
      let count = 0
      const flaky: Handler = (_, response) =>
        (count += 1) < 3 ? response.writeHead(503, { "retry-after": "0" }).end() : json(response, [])
      yield* withServer(flaky, list, { retries: 3 })
      assert.strictEqual(count, 3)
      count = 0
      yield* Effect.flip(withServer(flaky, (source) => source.remove(ref), { retries: 3 }))
      assert.strictEqual(count, 1)
    }))

  it.live("does not wait for a Retry-After that is too long", () =>
    Effect.gen(function*() {
      let count = 0
      yield* Effect.flip(withServer(
        (_, response) => {
          count += 1
          response.writeHead(429, { "retry-after": "86400" }).end()
        },
        list,
        { retries: 3 }
      ))
      assert.strictEqual(count, 1)
    }))
})

describe("open", () => {
  const content = Buffer.from("0123456789".repeat(1000))

  it.live("returns the bytes and ranges of them", () =>
    Effect.gen(function*() {
      const { handler } = makeCoreHandler(content)
      const got = yield* withServer(handler, (source) =>
        Effect.gen(function*() {
          const file = yield* source.open(ref)
          return [
            file.size,
            file.etag,
            text(yield* Stream.runCollect(file.bytes({ start: 3, end: 7 }))),
            text(yield* Stream.runCollect(file.bytes())) === content.toString(),
            text(yield* Stream.runCollect(file.bytes({ start: 5, end: 5 })))
          ]
        }))
      assert.deepStrictEqual(got, [content.length, etag, "3456", true, ""])
    }))

  it.live("requests uncompressed bytes of the file that it opened", () =>
    Effect.gen(function*() {
      const { handler } = makeCoreHandler(content)
      const seen: Array<unknown> = []
      yield* withServer((request, response) => {
        const { headers, method } = request
        // With a range, fetch adds a second "identity".
        const encoding = String(headers["accept-encoding"]).replace(", identity", "")
        if (method === "GET") seen.push([headers["if-match"], encoding, headers.range])
        handler(request, response)
      }, (source) =>
        Effect.gen(function*() {
          const file = yield* source.open(ref)
          yield* Stream.runDrain(file.bytes())
          yield* Stream.runDrain(file.bytes({ start: 3, end: 7 }))
          yield* Stream.runDrain(file.decompressed)
        }))
      assert.deepStrictEqual(seen, [
        [etag, "identity", undefined],
        [etag, "identity", "bytes=3-6"],
        [etag, "identity", undefined]
      ])
    }))

  it.live("fails if the connection breaks within the body", () =>
    Effect.gen(function*() {
      const { handler } = makeCoreHandler(content, () => 5000)
      const failure = yield* failWith(handler, (source) =>
        Effect.flatMap(source.open(ref), (file) => Stream.runDrain(file.bytes())))
      assert.strictEqual(failure._tag, "NodeFailed")
    }))

  it.live("rejects a response with another range or another file", () =>
    Effect.gen(function*() {
      for (
        const [headers, status] of [
          [{}, 200],
          [{ "content-range": "bytes 0-3/8" }, 200],
          [{ "content-range": "bytes 4-7/8" }, 206],
          [{ "content-range": "bytes 0-3/4", etag: "\"other\"" }, 206]
        ] as const
      ) {
        const failure = yield* failDownload(headers, status, { start: 0, end: 4 })
        assert.match(failure.message, /another file or range than requested/)
      }
      const part = yield* failDownload({ "content-range": "bytes 0-3/8" }, 206)
      assert.match(part.message, /another file or range than requested/)
    }))

  it.live("fails if the body is longer or shorter than announced, whatever the HTTP client accepts", () =>
    Effect.gen(function*() {
      const fileHeaders = { etag, "last-modified": lastModified, "content-length": "4" }
      for (const body of ["abc", "abcde"]) {
        const client = HttpClient.make((request) =>
          Effect.succeed(
            HttpClientResponse.fromWeb(
              request,
              new Response(request.method === "HEAD" ? null : body, { headers: fileHeaders })
            )
          )
        )
        const failure = yield* CoreSource.use((source) =>
          Effect.flatMap(source.open(ref), (file) => Stream.runDrain(file.bytes()))
        ).pipe(
          Effect.scoped,
          Effect.flip,
          Effect.provide(
            layerRemoteCoreSource({ url: "http://x.test" }).pipe(
              Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
            )
          )
        )
        assert.match(failure.message, /sent (?:3 bytes instead of the announced 4|more than the announced 4 bytes)/)
      }
    }))
})

describe("changes", () => {
  const bookmark = `{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`

  it.live("decodes events, and fails with the problem of an ERROR event", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const failure = yield* failWith((_, response) => {
        response.write(`{"type":"ADDED","object":${JSON.stringify(summary)}}\n\n${bookmark}`)
        response.end(`{"type":"ERROR","object":{"type":"https://koredump.dev/problems/resource-version-expired"}}\n`)
      }, (source) => Stream.runForEach(source.changes(), ({ type }) => Effect.sync(() => seen.push(type))))
      assert.deepStrictEqual(seen, ["ADDED", "BOOKMARK"])
      assert.strictEqual(failure._tag, "ResourceVersionExpired")
    }))

  it.live("fails if the watch ends, at an invalid event and at an endless line", () =>
    Effect.gen(function*() {
      assert.match(yield* failWatch(bookmark), /ended the watch/)
      assert.match(yield* failWatch("garbage\n"), /sent an invalid watch event \(invalid JSON\)/)
      assert.match(yield* failWatch(`{"kind":"ADDED"}\n`), /sent an invalid watch event/)
      assert.match(yield* failWatch(`{"type":"ERROR","object":{"type":"unheard of"}}\n`), /sent an invalid watch event/)
      assert.match(
        yield* failWatch(`{"type":"ADDED","object":{"id":"x"}}\n`.repeat(1001)),
        /sent an invalid watch event/
      )
      assert.match(yield* failWatch("x".repeat(2_000_000)), /sent an invalid watch event \(more than 1048576 bytes\)/)
    }))

  it.live("skips events that only a newer server sends, and logs that once", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const logged: Array<unknown> = []
      const failure = yield* failWith((_, response) => {
        response.write(`{"type":"ADDED","object":${JSON.stringify({ ...summary, state: "frozen" })}}\n`)
        response.write(`{"type":"ADDED","object":${JSON.stringify(summary)}}\n`)
        response.end(`{"type":"SUMMARY","object":{}}\n${bookmark}`)
      }, (source) => Stream.runForEach(source.changes(), ({ type }) => Effect.sync(() => seen.push(type)))).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
      )
      assert.deepStrictEqual(seen, ["ADDED", "BOOKMARK"])
      assert.match(failure.message, /ended the watch/)
      assert.lengthOf(logged, 1)
    }))

  it.live("with watchCores, misses and repeats nothing when the server restarts", () =>
    Effect.gen(function*() {
      const requested: Array<string | null> = []
      const events = yield* withServer((request, response) => {
        requested.push(new URL(request.url!, "http://x").searchParams.get("resourceVersion"))
        if (requested.length === 1) return response.end(addedLine(1, "a-1") + bookmark)
        if (requested.length === 2) {
          return response.writeHead(410).end(
            `{"type":"https://koredump.dev/problems/resource-version-expired"}`
          )
        }
        response.write(addedLine(1, "b-1") + addedLine(2, "b-2") + bookmark.replace("a-1", "b-2"))
      }, (source) => watchCores(source).pipe(Stream.take(4), Stream.runCollect))
      assert.deepStrictEqual(requested, [null, "a-1", null])
      assert.deepStrictEqual(
        events.map(({ object, type }) => `${type} ${object.resourceVersion}`),
        ["ADDED a-1", "BOOKMARK a-1", "ADDED b-2", "BOOKMARK b-2"]
      )
    }))
})
