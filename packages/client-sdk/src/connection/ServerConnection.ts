import {
  errorCode,
  type JsonLimits,
  type JsonRefused,
  type Problem,
  readBoundedJson,
  readText,
  toSingleLine
} from "@koredump/core"
import { Clock, Duration, Effect, identity, Option, Schema, type Scope, Semaphore, type Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse, type HttpMethod } from "effect/http"
import { parseServerUrl } from "./parseServerUrl.ts"
import { readToken } from "./readToken.ts"
import type { RemoteOptions } from "./RemoteOptions.ts"
import { type BodyReader, type ReadBody, streamBody, streamReader } from "./responseBody.ts"
import { type ResponseLimits, toClientLimits } from "./responseLimits.ts"
import { makeServerProblems, type ServerProblems } from "./responseProblems.ts"
import { type FailedAttempt, isTransientStatus, parseRetryAfter, permanentFailure, retrySchedule } from "./retry.ts"

/** The kinds of answers with limits of their own. */
type JsonKind = "list" | "metadata" | "nodes" | "empty"

/** A request to the server. */
interface ServerRequest {
  /** Default: `GET` */
  readonly method?: HttpMethod.HttpMethod
  /** Path and query below the server's URL, percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * HTTP to one koredump server: URL, token, retries, timeouts and size limits. Every failure is a problem. The
 * meaning of requests and responses is defined in `RemoteCoreSource`.
 */
export interface ServerConnection {
  /** Sends a request and retries it. Succeeds with a 2xx response; its body can be read while the scope is open. */
  readonly send: (
    request: ServerRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, Problem, Scope.Scope>
  /** The body of a response. Fails if the connection is lost or if no data comes for `idleTimeout`. */
  readonly body: (
    response: HttpClientResponse.HttpClientResponse,
    idleTimeout?: Duration.Input
  ) => Stream.Stream<Uint8Array, Problem>
  /** Returns a reader of the body of a response. Undefined without `readBody`. */
  readonly reader: ((response: HttpClientResponse.HttpClientResponse) => BodyReader) | undefined
  /** Longest time without data in a watch. */
  readonly watchIdleTimeout: Duration.Input
  /** Sends a request and decodes the JSON of the response, within the limits of its kind. */
  readonly json: <A>(
    request: ServerRequest & { readonly kind: JsonKind },
    schema: Schema.ConstraintDecoder<A>
  ) => Effect.Effect<readonly [A, HttpClientResponse.HttpClientResponse["headers"]], Problem>
  /** Limits for what the server sends. */
  readonly limits: ResponseLimits
  /** A problem for an invalid response. `what` continues the sentence after the server's name. */
  readonly invalidResponse: ServerProblems["invalidResponse"]
}

const jsonTimeout = Duration.minutes(5)
/** A server that sends an error byte by byte must not hold up its client. */
const problemTimeout = Duration.seconds(10)

/** Sends requests, once or with retries. */
const makeSend = Effect.fnUntraced(
  function*(
    options: RemoteOptions,
    base: string,
    problems: ServerProblems,
    body: ServerConnection["body"],
    limits: JsonLimits
  ) {
    const token = readToken(options.token)
    const timeout = options.timeout ?? "30 seconds"
    const maxRetryAfterMillis = Duration.toMillis(options.maxRetryAfter ?? "30 seconds")
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const requestInit = Option.getOrElse(yield* Effect.serviceOption(FetchHttpClient.RequestInit), () => ({}))

    const toFailedAttempt = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
      const retryAfterMillis = parseRetryAfter(response.headers["retry-after"], yield* Clock.currentTimeMillis)
      const { text } = response.status < 400
        ? { text: "" }
        : yield* readText(body(response), limits.maxBytes).pipe(
          Effect.timeout(problemTimeout),
          Effect.orElseSucceed(() => ({ text: "" }))
        )
      return {
        problem: problems.fromResponse(response, text, limits),
        isTransient: isTransientStatus(response.status) && retryAfterMillis <= maxRetryAfterMillis,
        retryAfterMillis
      } satisfies FailedAttempt
    })

    const attempt = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest) {
      const authorized = token === undefined
        ? request
        : HttpClientRequest.bearerToken(request, yield* Effect.mapError(token, permanentFailure))
      const response = yield* client.execute(authorized).pipe(
        Effect.provideService(FetchHttpClient.RequestInit, { ...requestInit, redirect: "manual" }),
        Effect.mapError((error): FailedAttempt => ({
          problem: problems.notSent(error),
          isTransient: error.reason._tag === "TransportError",
          retryAfterMillis: 0
        })),
        Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(permanentFailure(problems.timedOut())) })
      )
      if (response.status >= 200 && response.status < 300) return response
      return yield* Effect.fail<FailedAttempt>(yield* toFailedAttempt(response))
    })

    return ({ headers, method = "GET", path }: ServerRequest) =>
      attempt(HttpClientRequest.make(method)(base + path, { headers: { ...options.headers, ...headers } })).pipe(
        Effect.retry({
          schedule: retrySchedule,
          times: method === "GET" || method === "HEAD" ? options.retries ?? 3 : 0,
          while: ({ isTransient }) => isTransient
        }),
        Effect.mapError(({ problem }) => problem)
      )
  }
)

/** The problem for a response that is no JSON or exceeds a limit. */
const toRefusedProblem = ({ excerpt = "", message, reason }: JsonRefused, { invalidResponse }: ServerProblems) =>
  reason === "syntax"
    ? invalidResponse(`did not return a koredump response: ${toSingleLine(excerpt) || "the response is empty"}`)
    : invalidResponse(`sent a response with ${message}.`)

/** Decodes the JSON of a response. */
const decodeJson = <A>(
  value: unknown,
  schema: Schema.ConstraintDecoder<A>,
  { invalidResponse }: ServerProblems
): Effect.Effect<A, Problem> =>
  Effect.mapError(
    Schema.decodeUnknownEffect(schema)(value),
    (error) =>
      invalidResponse(
        `returned a response in an unexpected format. Check the URL and the server's version. ${
          toSingleLine(String(error))
        }`
      )
  )

/** A connection over the `HttpClient` in the context. Dies with a `TypeError` if `options.url` is invalid. */
export const makeServerConnection = Effect.fnUntraced(function*(
  options: RemoteOptions,
  limits: ResponseLimits = toClientLimits(options.maxResponseBytes),
  readBody?: ReadBody
) {
  const { base, name } = parseServerUrl(options.url)
  const problems = makeServerProblems(name)
  const defaultIdleTimeout = options.idleTimeout ?? "60 seconds"
  const bodySlots = Semaphore.makeUnsafe(limits.concurrentBodies)

  const body: ServerConnection["body"] = (response, idleTimeout = defaultIdleTimeout) =>
    streamBody(response, idleTimeout, problems)

  const reader: ServerConnection["reader"] = readBody && ((response) =>
    readBody(response, {
      idleMillis: Duration.toMillis(defaultIdleTimeout),
      timedOut: problems.timedOut,
      connectionLost: (cause) => problems.connectionLost(errorCode(cause) ?? "ended early")
    }))

  /** A body whose chunks are valid until the next one is pulled. */
  const reusedChunks = (response: HttpClientResponse.HttpClientResponse) =>
    reader === undefined ? body(response) : streamReader(reader(response))

  const send = yield* makeSend(options, base, problems, body, limits.problem)

  /** Lists and metadata can be large, so a node that is not trusted has few of them in memory. */
  const withBodySlot = (kind: JsonKind) => kind === "list" || kind === "metadata" ? bodySlots.withPermit : identity

  const json: ServerConnection["json"] = ({ kind, ...request }, schema) =>
    send({ ...request, headers: { ...request.headers, accept: "application/json" } }).pipe(
      Effect.flatMap((response) =>
        readBoundedJson(reusedChunks(response), limits[kind], response.headers["content-length"]).pipe(
          Effect.catchTag("JsonRefused", (refused) => Effect.fail(toRefusedProblem(refused, problems))),
          Effect.flatMap((value) => decodeJson(value, schema, problems)),
          Effect.map((value) => [value, response.headers] as const),
          withBodySlot(kind)
        )
      ),
      Effect.timeoutOrElse({ duration: jsonTimeout, orElse: () => Effect.fail(problems.timedOut()) }),
      Effect.scoped
    )

  return {
    send,
    body,
    reader,
    watchIdleTimeout: options.watchIdleTimeout ?? defaultIdleTimeout,
    json,
    limits,
    invalidResponse: problems.invalidResponse
  } satisfies ServerConnection
})
