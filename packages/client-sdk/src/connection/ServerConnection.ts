import { errorCode, type Problem, readText, toSingleLine } from "@koredump/core"
import { Clock, Duration, Effect, Option, Schema, type Scope, type Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse, type HttpMethod } from "effect/http"
import { parseServerUrl } from "./parseServerUrl.ts"
import { readToken } from "./readToken.ts"
import type { RemoteOptions } from "./RemoteOptions.ts"
import { type BodyReader, type ReadBody, streamBody } from "./responseBody.ts"
import { makeServerProblems, parseJson, type ServerProblems } from "./responseProblems.ts"
import { type FailedAttempt, isTransientStatus, parseRetryAfter, permanentFailure, retrySchedule } from "./retry.ts"

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
  /** A reader of the body of a response by `readBody`. */
  readonly reader: (response: HttpClientResponse.HttpClientResponse, readBody: ReadBody) => BodyReader
  /** Longest time without data in a watch. */
  readonly watchIdleTimeout: Duration.Input
  /** Sends a request and decodes the JSON of the response. */
  readonly json: <A>(
    request: ServerRequest,
    schema: Schema.ConstraintDecoder<A>
  ) => Effect.Effect<readonly [A, HttpClientResponse.HttpClientResponse["headers"]], Problem>
  /** A problem for an invalid response. `what` continues the sentence after the server's name. */
  readonly invalidResponse: ServerProblems["invalidResponse"]
}

const maxProblemBytes = 64 * 1024
const jsonTimeout = Duration.minutes(5)

/** Sends requests, once or with retries. */
const makeSend = Effect.fnUntraced(
  function*(options: RemoteOptions, base: string, problems: ServerProblems, body: ServerConnection["body"]) {
    const token = readToken(options.token)
    const timeout = options.timeout ?? "30 seconds"
    const maxRetryAfterMillis = Duration.toMillis(options.maxRetryAfter ?? "30 seconds")
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const requestInit = Option.getOrElse(yield* Effect.serviceOption(FetchHttpClient.RequestInit), () => ({}))

    const toFailedAttempt = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
      const retryAfterMillis = parseRetryAfter(response.headers["retry-after"], yield* Clock.currentTimeMillis)
      const { text } = response.status < 400
        ? { text: "" }
        : yield* Effect.orElseSucceed(readText(body(response), maxProblemBytes), () => ({ text: "" }))
      return {
        problem: problems.fromResponse(response, text),
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

/** Decodes the text of a response. */
const decodeJson = <A>(
  text: string,
  schema: Schema.ConstraintDecoder<A>,
  { invalidResponse }: ServerProblems
): Effect.Effect<A, Problem> =>
  Option.match(parseJson(text), {
    onNone: () =>
      Effect.fail(
        invalidResponse(`did not return a koredump response: ${toSingleLine(text) || "the response is empty"}`)
      ),
    onSome: (value) =>
      Effect.mapError(
        Schema.decodeUnknownEffect(schema)(value),
        (error) =>
          invalidResponse(
            `returned a response in an unexpected format. Check the URL and the server's version. ${
              toSingleLine(String(error))
            }`
          )
      )
  })

/** A connection over the `HttpClient` in the context. Dies with a `TypeError` if `options.url` is invalid. */
export const makeServerConnection = Effect.fnUntraced(function*(options: RemoteOptions) {
  const { base, name } = parseServerUrl(options.url)
  const problems = makeServerProblems(name)
  const defaultIdleTimeout = options.idleTimeout ?? "60 seconds"
  const maxResponseBytes = options.maxResponseBytes ?? 256 * 1024 * 1024

  const body: ServerConnection["body"] = (response, idleTimeout = defaultIdleTimeout) =>
    streamBody(response, idleTimeout, problems)

  const send = yield* makeSend(options, base, problems, body)

  const json: ServerConnection["json"] = (request, schema) =>
    send({ ...request, headers: { ...request.headers, accept: "application/json" } }).pipe(
      Effect.flatMap((response) =>
        readText(body(response), maxResponseBytes).pipe(
          Effect.filterOrFail(
            ({ isTruncated }) => !isTruncated,
            () => problems.invalidResponse(`sent a response of more than ${maxResponseBytes} bytes.`)
          ),
          Effect.flatMap(({ text }) => decodeJson(text, schema, problems)),
          Effect.map((value) => [value, response.headers] as const)
        )
      ),
      Effect.timeoutOrElse({ duration: jsonTimeout, orElse: () => Effect.fail(problems.timedOut()) }),
      Effect.scoped
    )

  return {
    send,
    body,
    reader: (response, readBody) =>
      readBody(response, {
        idleMillis: Duration.toMillis(defaultIdleTimeout),
        timedOut: problems.timedOut,
        connectionLost: (cause) => problems.connectionLost(errorCode(cause) ?? "ended early")
      }),
    watchIdleTimeout: options.watchIdleTimeout ?? defaultIdleTimeout,
    json,
    invalidResponse: problems.invalidResponse
  } satisfies ServerConnection
})
