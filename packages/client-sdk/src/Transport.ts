/**
 * HTTP to one koredump server: its address, the token, retries, time-outs and bounds; every failure is a problem.
 * What the answers mean is not known here, see `RemoteCoreSource`.
 */
import {
  BadRequest,
  errorCode,
  Forbidden,
  NodeFailed,
  NodeTimeout,
  type Problem,
  problemFromJson,
  toSingleLine,
  Unauthorized
} from "@koredump/core"
import { Clock, Duration, Effect, Option, Redacted, Schedule, Schema, type Scope, Stream } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse,
  type HttpMethod
} from "effect/http"

/** How to reach a koredump server. */
export interface RemoteOptions {
  /** `http://…`, `https://…`, with a path where a proxy puts the server below one; `unix:PATH` with `layerNodeHttp`. */
  readonly url: string | URL
  /**
   * Bearer token, or what gives the current one (a function, an Effect), which is asked before each request: tokens of
   * Kubernetes expire. It is sent to this server alone: redirects are errors. An empty one is none.
   */
  readonly token?:
    | string
    | Redacted.Redacted
    | (() => string | Promise<string>)
    | Effect.Effect<Redacted.Redacted, Problem>
  /** Further headers for every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** How often reads are tried again when the server cannot be reached, is not ready or asks to wait; 3 unless said. */
  readonly retries?: number
  /** Longest wait asked for by the server that such a retry keeps to; 30 seconds unless said. Beyond it there is none. */
  readonly maxRetryAfter?: Duration.Input
  /** Longest wait for the head of an answer; 30 seconds unless said. */
  readonly timeout?: Duration.Input
  /** Longest silence within an answer; 60 seconds unless said. */
  readonly idleTimeout?: Duration.Input
  /** Longest silence of a watch, which has heartbeats; that of other answers unless said. */
  readonly watchIdleTimeout?: Duration.Input
  /** Most bytes of an answer that is held as a whole, which is all but downloads and watches; 256 MiB unless said. */
  readonly maxAnswerBytes?: number
}

/** A request, relative to the server's address. */
export interface RemoteRequest {
  readonly method?: HttpMethod.HttpMethod
  /** Path and query, percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * How a body is read into buffers of the caller, by the client that the answer is from. The function answers how many
 * bytes it got, 0 at the end; it rejects with a problem, or with the signal's reason.
 */
export type ReadBody = (response: HttpClientResponse.HttpClientResponse, options: {
  readonly idleMillis: number
  readonly timedOut: () => Problem
  readonly broken: (cause: unknown) => Problem
}) => (into: Uint8Array, signal: AbortSignal) => Promise<number>

/** See the module's text. */
export interface Transport {
  /** Sends a request until it is answered well. The body can be read as long as the scope is open. */
  readonly send: (
    request: RemoteRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, Problem, Scope.Scope>
  /** The body of an answer; it fails where it breaks off or stands still, for `idleTimeout` unless said. */
  readonly body: (
    response: HttpClientResponse.HttpClientResponse,
    idleTimeout?: Duration.Input
  ) => Stream.Stream<Uint8Array, Problem>
  /** The body of an answer by `readBody`. */
  readonly reader: (
    response: HttpClientResponse.HttpClientResponse,
    readBody: ReadBody
  ) => ReturnType<ReadBody>
  /** Longest silence of a watch. */
  readonly watchIdleTimeout: Duration.Input
  /** Sends a request and decodes the JSON of the answer. */
  readonly json: <A>(
    request: RemoteRequest,
    schema: Schema.ConstraintDecoder<A>
  ) => Effect.Effect<readonly [A, HttpClientResponse.HttpClientResponse["headers"]], Problem>
  /** What the server did wrong, as a problem. */
  readonly wrong: (what: string) => NodeFailed
}

const maxProblemBytes = 64 * 1024
const jsonTimeout = Duration.minutes(5)

/** One attempt that failed. */
interface Failure {
  readonly problem: Problem
  readonly transient: boolean
  readonly retryAfterMillis: number
}

const lasting = (problem: Problem): Failure => ({ problem, transient: false, retryAfterMillis: 0 })

const transientStatus = new Set([429, 502, 503, 504])

const reasonOf = (error: HttpClientError.HttpClientError): string => {
  const cause = error.reason.cause
  return errorCode(cause) ?? (cause instanceof Error ? toSingleLine(cause.message) : error.reason._tag)
}

const retryAfterMillis = (value: string | undefined, now: number): number => {
  if (value === undefined) return 0
  const millis = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(millis) ? 0 : Math.max(0, millis)
}

/** Where `url` points to; throws a `TypeError` where it is no address of a server. */
const parseBase = (url: string | URL): { readonly base: string; readonly name: string } => {
  if (typeof url === "string" && url.startsWith("unix:")) return { base: "http://localhost", name: url }
  const { hash, href, origin, password, protocol, search, username } = new URL(url)
  if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`Not an http(s) address: ${href}`)
  if (username + password + search + hash !== "") {
    throw new TypeError(`An address with credentials, query or fragment cannot be a server's: ${origin}`)
  }
  return { base: href.replace(/\/+$/, ""), name: href.replace(/\/+$/, "") }
}

const tokenOf = (token: RemoteOptions["token"]): Effect.Effect<Redacted.Redacted, Problem> | undefined => {
  if (token === undefined || token === "") return undefined
  const given: Effect.Effect<string | Redacted.Redacted, Problem> = typeof token === "function"
    ? Effect.tryPromise({ try: async () => token(), catch: () => noToken("cannot be had: what gives it failed") })
    : Effect.isEffect(token)
    ? token
    : Effect.succeed(token)
  return given.pipe(
    Effect.map((token) => Redacted.isRedacted(token) ? token : Redacted.make(token)),
    // What HTTP refuses it would quote.
    Effect.filterOrFail(
      (token) => /^[\x21-\x7e]+$/.test(Redacted.value(token)),
      () => noToken("holds characters that no token can have")
    )
  )
}

const noToken = (why: string) => new Unauthorized({ detail: `The token ${why}.` })

/** A transport over the `HttpClient` at hand. An address that is none is a defect: a `TypeError`. */
export const makeTransport = Effect.fnUntraced(function*(options: RemoteOptions) {
  const { base, name } = parseBase(options.url)
  const token = tokenOf(options.token)
  const timeout = options.timeout ?? "30 seconds"
  const defaultIdleTimeout = options.idleTimeout ?? "60 seconds"
  const maxAnswerBytes = options.maxAnswerBytes ?? 256 * 1024 * 1024
  const maxRetryAfterMillis = Duration.toMillis(options.maxRetryAfter ?? "30 seconds")
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const requestInit = Option.getOrElse(yield* Effect.serviceOption(FetchHttpClient.RequestInit), () => ({}))

  const wrong = (what: string) => new NodeFailed({ detail: `${name} ${what}` })

  const timedOut = () => new NodeTimeout({ detail: `${name} did not answer in time.` })

  const unreachable = (error: HttpClientError.HttpClientError): Failure => ({
    problem: error.reason._tag === "InvalidUrlError"
      ? new BadRequest({ detail: `There is no such address below ${name}.` })
      : new NodeFailed({ detail: `Cannot reach ${name} (${reasonOf(error)}).` }),
    transient: error.reason._tag === "TransportError",
    retryAfterMillis: 0
  })

  const body: Transport["body"] = (response, idleTimeout = defaultIdleTimeout) =>
    response.stream.pipe(
      Stream.catch((error) =>
        error.reason._tag === "EmptyBodyError"
          ? Stream.empty
          : Stream.fail(new NodeFailed({ detail: `The connection to ${name} broke (${reasonOf(error)}).` }))
      ),
      Stream.timeoutOrElse({ duration: idleTimeout, orElse: () => Stream.fail(timedOut()) })
    )

  const reader: Transport["reader"] = (response, readBody) =>
    readBody(response, {
      idleMillis: Duration.toMillis(defaultIdleTimeout),
      timedOut,
      broken: (cause) =>
        new NodeFailed({ detail: `The connection to ${name} broke (${errorCode(cause) ?? "early end"}).` })
    })

  /** The text of a body, its beginning where it is longer than `maxBytes`. */
  const readText = (response: HttpClientResponse.HttpClientResponse, maxBytes: number) =>
    Effect.suspend(() => {
      const decoder = new TextDecoder()
      let text = ""
      let size = 0
      return body(response).pipe(
        Stream.runForEachWhile((chunk) =>
          Effect.sync(() => {
            size += chunk.length
            text += decoder.decode(chunk, { stream: true })
            return size <= maxBytes
          })
        ),
        Effect.map(() => ({ text: text + decoder.decode(), size }))
      )
    })

  const problemOf = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
    const { headers, status } = response
    if (status < 400) {
      const target = headers["location"]
      return wrong(
        status === 0 || target !== undefined
          ? `redirects${target === undefined ? "" : ` to ${toSingleLine(target)}`}; redirects are not followed.`
          : `answered with the unexpected status ${status}.`
      )
    }
    const { text } = yield* Effect.orElseSucceed(readText(response, maxProblemBytes), () => ({ text: "" }))
    const problem = Option.flatMap(parseJson(text), problemFromJson)
    if (Option.isSome(problem)) return problem.value
    const detail = `${name} answered ${status}${text === "" ? "" : `: ${toSingleLine(text)}`}`
    if (status === 401) return new Unauthorized({ detail })
    if (status === 403) return new Forbidden({ detail })
    return new NodeFailed({ detail })
  })

  const attempt = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest) {
    const authorized = token === undefined
      ? request
      : HttpClientRequest.bearerToken(request, yield* Effect.mapError(token, lasting))
    const response = yield* client.execute(authorized).pipe(
      Effect.provideService(FetchHttpClient.RequestInit, { ...requestInit, redirect: "manual" }),
      Effect.mapError(unreachable),
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(lasting(timedOut())) })
    )
    if (response.status >= 200 && response.status < 300) return response
    const waitMillis = retryAfterMillis(response.headers["retry-after"], yield* Clock.currentTimeMillis)
    return yield* Effect.fail<Failure>({
      problem: yield* problemOf(response),
      transient: transientStatus.has(response.status) && waitMillis <= maxRetryAfterMillis,
      retryAfterMillis: waitMillis
    })
  })

  const retrySchedule = Schedule.exponential("200 millis").pipe(
    Schedule.jittered,
    Schedule.setInputType<Failure>(),
    Schedule.passthrough,
    Schedule.modifyDelay(({ duration, output }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(output.retryAfterMillis)))
    )
  )

  const send: Transport["send"] = ({ headers, method = "GET", path }) => {
    const request = HttpClientRequest.make(method)(base + path, { headers: { ...options.headers, ...headers } })
    return attempt(request).pipe(
      Effect.retry({
        schedule: retrySchedule,
        times: method === "GET" || method === "HEAD" ? options.retries ?? 3 : 0,
        while: (failure) => failure.transient
      }),
      Effect.mapError((failure) => failure.problem)
    )
  }

  const json: Transport["json"] = (request, schema) => {
    const decode = Schema.decodeUnknownEffect(schema)
    return send({ ...request, headers: { ...request.headers, accept: "application/json" } }).pipe(
      Effect.flatMap((response) =>
        Effect.flatMap(readText(response, maxAnswerBytes), ({ size, text }) =>
          Option.match(parseJson(text), {
            onNone: () =>
              Effect.fail(wrong(
                size > maxAnswerBytes
                  ? `sent more than ${maxAnswerBytes} bytes.`
                  : `answered with something other than JSON: ${toSingleLine(text)}`
              )),
            onSome: (value) =>
              decode(value).pipe(
                Effect.mapError((error) => wrong(`answered with an unexpected shape: ${toSingleLine(String(error))}`)),
                Effect.map((decoded) => [decoded, response.headers] as const)
              )
          }))
      ),
      Effect.timeoutOrElse({ duration: jsonTimeout, orElse: () => Effect.fail(timedOut()) }),
      Effect.scoped
    )
  }

  return {
    send,
    body,
    reader,
    watchIdleTimeout: options.watchIdleTimeout ?? defaultIdleTimeout,
    json,
    wrong
  } satisfies Transport
})

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))
