/** Servers on real sockets. */
import {
  type Authorization,
  type Authorizer,
  type CoreFile,
  type CoreRef,
  CoreSource,
  type NodeStatus,
  type Problem
} from "@koredump/core"
import { type FakeCore, FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Context, Deferred, Effect, Layer, Logger, type LogLevel, References, type Scope } from "effect"
import { type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http"
import { request as httpsRequest } from "node:https"
import { connect } from "node:net"
import { layerServe, type ServeOptions } from "../../src/app/layerServe.ts"
import { layerNoAuthorization } from "../../src/index.ts"

export const loopback = { host: "127.0.0.1", port: 0, loopback: true }
export const large = new Uint8Array(5 * 1024 * 1024 + 17).map((_, i) => i % 251)

export type Read = NonNullable<CoreFile["read"]>

/** Reads from a file with this content, at most `most` bytes at a time. */
export const readFrom = (content: Uint8Array, most = Number.POSITIVE_INFINITY): Read => async (into, position) => {
  const part = content.subarray(position, position + Math.min(into.length, most))
  into.set(part)
  return part.length
}

export interface Served {
  readonly url: string
  readonly log: ReadonlyArray<Record<string, unknown>>
  readonly ref: CoreRef
  /** Number of open files. */
  readonly open: () => number
  /** Waits for the address of the ops port. */
  readonly opsUrl: Effect.Effect<string>
}

/** What to serve, and how. `file` changes the opened file, `nodes` the state of the nodes. */
export interface Settings extends Partial<ServeOptions> {
  readonly core?: FakeCore
  readonly file?: (file: CoreFile) => Partial<CoreFile>
  /** Runs before a file is opened. If it fails, no file is opened. */
  readonly beforeOpen?: Effect.Effect<void, Problem>
  readonly nodes?: () => ReadonlyArray<NodeStatus>
  /** Default: everyone can access everything. */
  readonly authorization?: Layer.Layer<Authorization | Authorizer>
  readonly logLevel?: LogLevel.LogLevel
  /** More middleware, such as that of a local server. */
  readonly middleware?: Parameters<typeof layerServe>[1]
}

/** Serves one core on a free port. Its file can fill buffers, like that of a host. */
export const serve = ({ middleware, ...settings }: Settings = {}): Effect.Effect<Served, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(layerFakeCoreSource())
    const content = settings.core?.content ?? large
    const ref = yield* Context.get(context, FakeCores).put({ content, ...settings.core })
    const fake = Context.get(context, CoreSource)
    let open = 0
    const source = Layer.succeed(CoreSource, {
      ...fake,
      open: (ref) =>
        Effect.acquireRelease(Effect.sync(() => open += 1), () => Effect.sync(() => open -= 1)).pipe(
          Effect.andThen(settings.beforeOpen ?? Effect.void),
          Effect.andThen(fake.open(ref)),
          Effect.map((file) => ({ ...file, read: readFrom(content), ...settings.file?.(file) }))
        ),
      ...(settings.nodes === undefined ? {} : { nodes: Effect.sync(settings.nodes) })
    })
    const log: Array<Record<string, unknown>> = []
    const logger = Logger.map(Logger.formatStructured, (entry) => log.push(entry as never))
    const address = yield* Deferred.make<string>()
    yield* Layer.build(
      layerServe({
        listen: loopback,
        gracePeriod: "1 second",
        node: "node-1",
        ...settings,
        onListening: (url) => Effect.asVoid(Deferred.succeed(address, url))
      }, middleware).pipe(
        Layer.provide([source, settings.authorization ?? layerNoAuthorization]),
        Layer.provide(Logger.layer([logger])),
        Layer.provide(Layer.succeed(References.MinimumLogLevel, settings.logLevel ?? "Info"))
      )
    )
    const getOpsUrl = () =>
      log.flatMap(({ annotations, message }) =>
        message === "Ops server listening" ? [(annotations as { readonly address: string }).address] : []
      )[0]
    return {
      url: yield* Deferred.await(address),
      log,
      ref,
      open: () => open,
      opsUrl: Effect.map(until(() => getOpsUrl() !== undefined), () => getOpsUrl()!)
    }
  })

/** Sends a request and returns the response, without reading its body. */
export const call = (url: string, options: RequestOptions & { readonly rejectUnauthorized?: boolean } = {}) =>
  Effect.promise(() =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const send = url.startsWith("https:") ? httpsRequest : httpRequest
      send(url, { agent: false, ...options }, resolve).on("error", reject).end()
    })
  )

/** Sends bytes. Returns what the server sends until the connection is closed, and whether it was reset. */
export const exchange = (url: string, text: string) =>
  Effect.promise(() =>
    new Promise<{ readonly answer: string; readonly reset: boolean }>((resolve) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
      let answer = ""
      let reset = false
      socket.on("data", (chunk: Buffer) => answer += chunk.toString("latin1"))
      socket.on("error", ({ code }: NodeJS.ErrnoException) => reset = code === "ECONNRESET")
      socket.on("close", () => resolve({ answer, reset }))
    })
  )

/** Reads the whole body. Undefined if it is incomplete. */
export const readBody = (response: IncomingMessage) =>
  Effect.promise(async () => {
    const chunks: Array<Buffer> = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch {
      return undefined
    }
    return Buffer.concat(chunks)
  })

/** Waits for a condition. */
export const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  })

/** The URL of the core's file. */
export const downloadUrl = ({ ref, url }: Served, query = "") =>
  `${url}/apiv1/cores/download/${ref.node}/${ref.id}${query}`
