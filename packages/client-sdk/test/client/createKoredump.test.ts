import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Handler, json, makeCoreHandler, ref, serve, summary } from "../../../../test-support/coreServer.ts"
import { createKoredump, type KoredumpClient } from "../../src/index.ts"
import { downloadTo } from "../../src/node.ts"

/** Runs an async function with a client of a fake server. */
const withClient = (handler: Handler, body: (koredump: KoredumpClient) => Promise<void>) =>
  serve(handler).pipe(
    Effect.flatMap((url) =>
      Effect.promise(async () => {
        await using koredump = createKoredump({ url, retries: 0 })
        await body(koredump)
      })
    ),
    Effect.scoped
  )

const rejection = (promise: Promise<unknown>) => promise.then(() => undefined, (error: unknown) => error)

const threePages: Handler = (request, response) => {
  const from = Number(new URL(request.url!, "http://x").searchParams.get("continue") ?? "0")
  json(response, [summary], 200, from < 2 ? { link: `</apiv1/cores?continue=${from + 1}>; rel="next"` } : {})
}

const sendNothing: Handler = (_, response) => response.writeHead(200).write("\n")

describe("createKoredump", () => {
  it.live("lists with dates, durations and single values in the query", () => {
    let seen: string | undefined
    return withClient((request, response) => {
      seen = request.url
      json(response, [summary])
    }, async (koredump) => {
      const { cores } = await koredump.list({
        namespace: ["a", "b"],
        signal: "segv",
        since: new Date("2023-11-14T22:13:20Z"),
        uid: 0,
        pod: undefined
      })
      assert.strictEqual(cores[0]?.id, ref.id)
      assert.strictEqual(
        decodeURIComponent(seen!),
        "/apiv1/cores?namespace=a&namespace=b&signal=11&uid=0&since=2023-11-14T22:13:20Z"
      )
    })
  })

  it.live("lists nodes", () =>
    withClient(
      (_, response) =>
        json(response, [{ name: "node-1", state: "ready", since: "2023-11-14T22:13:20Z", cores: 1, bytes: 2 }]),
      async (
        koredump
      ) => {
        const [node] = await koredump.nodes()
        assert.include(node, { name: "node-1", state: "ready", cores: 1 })
      }
    ))

  it.live("rejects an invalid query as a server does", () =>
    withClient(() => {}, async (koredump) => {
      for (const query of [{ since: "soon" }, { signal: "nosuch" }, { limit: 0 }, { nosuch: "x" } as object]) {
        const error = await rejection(koredump.list(query))
        assert.include(error, { _tag: "InvalidQuery", parameter: Object.keys(query)[0] })
        assert.instanceOf(error, Error)
      }
    }))

  it.live("iterates over pages", () =>
    withClient(threePages, async (koredump) => {
      let pages = 0
      for await (const { cores } of koredump.iterate({ limit: 1 })) pages += cores.length
      assert.strictEqual(pages, 3)
    }))

  it.live("iterates over pages of 500 cores by default", () => {
    const seen: Array<string | undefined> = []
    return withClient((request, response) => {
      seen.push(request.url)
      threePages(request, response)
    }, async (koredump) => {
      for await (const { cores } of koredump.iterate()) assert.lengthOf(cores, 1)
      assert.deepStrictEqual(seen, [
        "/apiv1/cores?limit=500",
        "/apiv1/cores?limit=500&continue=1",
        "/apiv1/cores?limit=500&continue=2"
      ])
    })
  })

  it.live("downloads as a stream, with information about the file", () =>
    withClient(makeCoreHandler(Buffer.from("0123456789")).handler, async (koredump) => {
      const { body, etag, fileName, size } = await koredump.download(ref, { range: { start: 2, end: 5 } })
      assert.deepStrictEqual([fileName, size, etag], [ref.id, 10, "\"bytes-1\""])
      assert.strictEqual(await new Response(body).text(), "234")
    }))

  it.live("errors the stream of a download if the connection breaks", () =>
    withClient(makeCoreHandler(Buffer.alloc(100_000), () => 50_000).handler, async (koredump) => {
      const { body } = await koredump.download(ref)
      assert.include(await rejection(new Response(body).arrayBuffer()), { _tag: "NodeFailed" })
    }))

  it.live("downloads a core that the server decompresses", () => {
    const { handler } = makeCoreHandler(Buffer.from("0123456789"))
    const seen: Array<string> = []
    return withClient((request, response) => {
      seen.push(`${request.method} ${new URL(request.url!, "http://x").search}`)
      handler(request, response)
    }, async (koredump) => {
      const core = { ...ref, id: `${ref.id}.zst` }
      const { body, compression, fileName } = await koredump.download(core, { decompress: true })
      assert.deepStrictEqual([fileName, compression], [ref.id, "none"])
      assert.strictEqual(await new Response(body).text(), "0123456789")
      assert.strictEqual((await koredump.download(core)).compression, "zstd")
      assert.deepStrictEqual(seen, ["HEAD ", "GET ?decompress=true", "HEAD "])
    })
  })

  it.live("errors the stream of a download when the signal aborts", () => {
    const { handler } = makeCoreHandler(Buffer.from("0123456789"))
    return withClient((request, response) => {
      if (request.method === "HEAD") return handler(request, response)
      response.writeHead(200, { "content-length": "10" }).write("01234")
    }, async (koredump) => {
      const reason = new Error("enough")
      const abort = new AbortController()
      const { body } = await koredump.download(ref, { signal: abort.signal })
      const reader = body.getReader()
      assert.strictEqual(Buffer.from((await reader.read()).value!).toString(), "01234")
      const rest = rejection(reader.read())
      abort.abort(reason)
      assert.strictEqual(await rest, reason)
    })
  })

  it.live("downloads to a file", () =>
    withClient(makeCoreHandler(Buffer.from("0123456789")).handler, async (koredump) => {
      const dir = await mkdtemp(join(tmpdir(), "koredump-"))
      try {
        await downloadTo(koredump, ref, join(dir, "core"))
        assert.strictEqual(await readFile(join(dir, "core"), "utf8"), "0123456789")
      } finally {
        await rm(dir, { recursive: true })
      }
    }))

  it.live("rejects with the reason of the signal, during and before an operation", () =>
    withClient(sendNothing, async (koredump) => {
      const reason = new Error("enough")
      const abort = new AbortController()
      const watching = rejection((async () => {
        for await (const event of koredump.watch({}, { signal: abort.signal })) assert.fail(event.type)
      })())
      const listing = rejection(koredump.list({}, { signal: abort.signal }))
      setImmediate(() => abort.abort(reason))
      assert.deepStrictEqual(await Promise.all([watching, listing]), [reason, reason])
      assert.strictEqual(await rejection(koredump.list({}, { signal: abort.signal })), reason)
    }))

  it.live("rejects a pending operation when the client is closed", () =>
    withClient(sendNothing, async (koredump) => {
      const listing = rejection(koredump.list())
      setImmediate(() => void koredump.close())
      assert.include(await listing, { name: "AbortError" })
    }))

  it.live("closes the connection of a watch when its loop ends", () => {
    const closed = Promise.withResolvers<void>()
    return withClient((request, response) => {
      request.on("close", closed.resolve)
      response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
    }, async (koredump) => {
      for await (const { type } of koredump.watch()) {
        assert.strictEqual(type, "BOOKMARK")
        break
      }
      await closed.promise
    })
  })
})
