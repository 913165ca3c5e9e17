/** `RemoteCoreSource`: whatever a koredump server at some URL serves, as a `CoreSource`. */
import {
  Api,
  type ByteRange,
  type ChangesOptions,
  CoreEvent,
  type CoreFile,
  type CoreList,
  CoreMetadata,
  CoreNotFound,
  type CoreRef,
  CoreSource,
  CoreSummary,
  encodeCoreQuery,
  ErrorEvent,
  type NodeFailed,
  NodeStatus,
  parseCoreId,
  type Problem,
  problemFromJson
} from "@koredump/core"
import { Effect, Layer, Option, Schema, Stream } from "effect"
import { Ndjson } from "effect/encoding"
import type { HttpClient, HttpClientResponse } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { makeTransport, type ReadBody, type RemoteOptions, type Transport } from "./Transport.ts"

type Headers = HttpClientResponse.HttpClientResponse["headers"]

const urls = HttpApiClient.urlBuilder(Api)

const maxEventBytes = 1024 * 1024

const withQuery = (path: string, params: URLSearchParams) => params.size === 0 ? path : `${path}?${params}`

/** `</apiv1/cores?…&continue=X>; rel="next"` → `X`. */
const continueOf = (headers: Headers): string | undefined => {
  const target = /<([^<>]*)>\s*;\s*rel="?next"?/.exec(headers["link"] ?? "")?.[1]
  if (target === undefined) return undefined
  return new URLSearchParams(target.slice(target.indexOf("?") + 1)).get("continue") ?? undefined
}

const listOf = (cores: ReadonlyArray<CoreSummary>, headers: Headers): CoreList => {
  const next = continueOf(headers)
  return {
    cores,
    resourceVersion: headers["koredump-resource-version"] ?? "",
    unreachable: (headers["koredump-unreachable"] ?? "").split(",").map((name) => name.trim()).filter((name) =>
      name !== ""
    ),
    ...(next === undefined ? {} : { continue: next })
  }
}

/** What the head of a download says of the file; undefined where it lacks what a download must have. */
const factsOf = (headers: Headers) => {
  const etag = headers["etag"] ?? ""
  const length = headers["content-length"] ?? ""
  const lastModified = Date.parse(headers["last-modified"] ?? "")
  return /^"[\x21\x23-\x7e\x80-\xff]{1,256}"$/.test(etag) && /^\d{1,15}$/.test(length) && !Number.isNaN(lastModified)
    ? { etag, size: Number(length), lastModified }
    : undefined
}

/** Passes `expected` bytes on; fewer or more are a failure. */
const exactly =
  (expected: number, wrong: (what: string) => NodeFailed) =>
  (stream: Stream.Stream<Uint8Array, Problem>): Stream.Stream<Uint8Array, Problem> =>
    Stream.suspend(() => {
      let received = 0
      const check = Stream.suspend(() =>
        received === expected
          ? Stream.empty
          : Stream.fail(wrong(`sent ${received} bytes where it had announced ${expected}.`))
      )
      return stream.pipe(
        Stream.mapArrayEffect((chunks) => {
          for (const chunk of chunks) received += chunk.length
          return received > expected
            ? Effect.fail(wrong(`sent more than the ${expected} bytes that it had announced.`))
            : Effect.succeed(chunks)
        }),
        Stream.concat(check)
      )
    })

const decodeEvent = Schema.decodeUnknownOption(CoreEvent)
const decodeErrorEvent = Schema.decodeUnknownOption(ErrorEvent)
const isSomeEvent = Schema.is(Schema.Struct({ type: Schema.String, object: Schema.Unknown }))

/** Events that are left out of one watch at most; who sends more speaks another language. */
const maxLeftOut = 1000

/**
 * Reads the lines of one watch. A newer server may know kinds of events and states of cores that this version does not:
 * such a line is left out, and does not hide all the others.
 */
const eventReader = (transport: Transport) => {
  let leftOut = 0
  return (line: unknown): Effect.Effect<CoreEvent | undefined, Problem> => {
    const event = decodeEvent(line)
    if (Option.isSome(event)) return Effect.succeed(event.value)
    const wrong = transport.wrong("sent a line that is no event of a watch.")
    const error = decodeErrorEvent(line)
    if (Option.isSome(error)) {
      return Effect.fail(Option.getOrElse(problemFromJson(error.value.object), () => wrong))
    }
    if (!isSomeEvent(line) || ++leftOut > maxLeftOut) return Effect.fail(wrong)
    return leftOut > 1
      ? Effect.undefined
      : Effect.as(
        Effect.logWarning("Events of a watch are left out: they have not the form that this version knows"),
        undefined
      )
  }
}

const changesOf = (transport: Transport) => (options: ChangesOptions = {}): Stream.Stream<CoreEvent, Problem> => {
  const params = encodeCoreQuery(options.filter ?? {})
  if (options.since !== undefined) params.set("resourceVersion", options.since)
  const request = {
    path: withQuery(urls.cores.watch({ query: {} }), params),
    headers: { accept: "application/x-ndjson" }
  }
  return Stream.unwrap(
    Effect.map(transport.send(request), (response) =>
      transport.body(response, transport.watchIdleTimeout).pipe(
        Stream.pipeThroughChannel(Ndjson.decode<Problem>({ ignoreEmptyLines: true, maxLineBytes: maxEventBytes })),
        Stream.catchTag("NdjsonError", ({ reason }) =>
          Stream.fail(transport.wrong(`sent a line that is no event of a watch (${reason}).`))),
        Stream.mapEffect(eventReader(transport)),
        Stream.filter((event) =>
          event !== undefined
        ),
        Stream.concat(Stream.fail(transport.wrong("ended the watch.")))
      ))
  ).pipe(Stream.scoped)
}

/** The path of a core; no server has one of a name that no path can have (`..`). */
const pathTo = ({ id, node }: CoreRef, path: (params: CoreRef) => string): Effect.Effect<string, CoreNotFound> =>
  Effect.try({ try: () => path({ id, node }), catch: () => new CoreNotFound({ id, node }) })

const openOf = (transport: Transport, readBody: ReadBody | undefined) =>
  Effect.fnUntraced(function*(ref: CoreRef): Effect.fn.Return<CoreFile, Problem> {
    const path = yield* pathTo(ref, (params) => urls.cores.download({ params, query: {} }))
    // A HEAD has no body that would say what is wrong; the same GET has. Its end is read, which is none of bytes, so that
    // the connection can be used again.
    const { headers } = yield* transport.send({ method: "HEAD", path }).pipe(
      Effect.tap((response) => Stream.runDrain(transport.body(response))),
      Effect.catchIf(({ _tag }) => _tag !== "NodeTimeout", () => transport.send({ path })),
      Effect.scoped
    )
    const facts = factsOf(headers)
    if (facts === undefined) {
      return yield* transport.wrong("does not tell a download's ETag, Content-Length and Last-Modified.")
    }
    // No compression on the way: lengths and ranges are those of the file.
    const conditions = { "if-match": facts.etag, "accept-encoding": "identity" }

    const answer = (range: ByteRange | undefined) =>
      transport.send({
        path,
        headers: range === undefined ? conditions : { ...conditions, range: `bytes=${range.start}-${range.end - 1}` }
      }).pipe(
        Effect.filterOrFail(
          (response) => isAnswerTo(response, facts.etag, range),
          () => transport.wrong("answered with another part or another file than the one asked for.")
        )
      )

    const bytes = (range?: ByteRange) => {
      const { end, start } = range ?? { start: 0, end: facts.size }
      if (start >= end) return Stream.empty
      return Stream.unwrap(
        Effect.map(answer(range), (response) => exactly(end - start, transport.wrong)(transport.body(response)))
      ).pipe(Stream.scoped)
    }

    const reader = (readBody: ReadBody) => (range: ByteRange = { start: 0, end: facts.size }) =>
      range.start >= range.end
        ? Effect.succeed(() => Promise.resolve(0))
        : Effect.map(answer(range), (response) => transport.reader(response, readBody))

    const decompressed = transport.send({
      path: urls.cores.download({ params: ref, query: { decompress: "true" } }),
      headers: conditions
    }).pipe(Effect.map((response) => transport.body(response)), Stream.unwrap, Stream.scoped)

    return {
      ref,
      ...facts,
      compression: Option.match(parseCoreId(ref.id), { onNone: () => "none", onSome: (id) => id.compression }),
      bytes,
      decompressed,
      ...(readBody === undefined ? {} : { reader: reader(readBody) })
    }
  })

const isAnswerTo = (
  { headers, status }: HttpClientResponse.HttpClientResponse,
  etag: string,
  range: ByteRange | undefined
): boolean => {
  if (headers["etag"] !== undefined && headers["etag"] !== etag) return false
  if (range === undefined) return status === 200
  return status === 206 && (headers["content-range"] ?? "").startsWith(`bytes ${range.start}-${range.end - 1}/`)
}

const Cores = Schema.Array(CoreSummary)
const Nodes = Schema.Array(NodeStatus)
const Empty = Schema.Struct({})

/** See `layerRemoteCoreSource`. With `readBody` its files offer a `reader`. */
export const makeRemoteCoreSource = Effect.fnUntraced(function*(options: RemoteOptions, readBody?: ReadBody) {
  const transport = yield* makeTransport(options)

  const list: CoreSource["Service"]["list"] = Effect.fn("RemoteCoreSource.list")((query) =>
    Effect.map(
      transport.json({ path: withQuery(urls.cores.list({ query: {} }), encodeCoreQuery(query)) }, Cores),
      ([cores, headers]) => listOf(cores, headers)
    )
  )

  return CoreSource.of({
    list,
    get: Effect.fn("RemoteCoreSource.get")((ref) =>
      pathTo(ref, (params) => urls.cores.metadata({ params })).pipe(
        Effect.flatMap((path) => transport.json({ path }, CoreMetadata)),
        Effect.map(([metadata]) => metadata)
      )
    ),
    open: openOf(transport, readBody),
    remove: Effect.fn("RemoteCoreSource.remove")((ref) =>
      pathTo(ref, (params) => urls.cores.delete({ params })).pipe(
        Effect.flatMap((path) => transport.json({ method: "DELETE", path }, Empty)),
        Effect.asVoid
      )
    ),
    changes: changesOf(transport),
    nodes: Effect.map(transport.json({ path: urls.nodes.list() }, Nodes), ([nodes]) => nodes)
  })
})

/**
 * The cores that the server at `options.url` serves. Reads are tried again a few times where the server cannot be
 * reached; `changes` does not reconnect, `watchCores` does.
 */
export const layerRemoteCoreSource = (
  options: RemoteOptions
): Layer.Layer<CoreSource, never, HttpClient.HttpClient> => Layer.effect(CoreSource, makeRemoteCoreSource(options))
