import {
  errorCode,
  type JsonLimits,
  parseBoundedJson,
  parseJsonLines,
  readBoundedJson,
  readText,
  toSingleLine
} from "@koredump/core"
import { Context, Effect, Layer, Option, Result, Schema, type Scope, Stream } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { KubeConfigError, KubeConfigOptions } from "./KubeAccess.ts"
import { loadCredentials } from "./loadCredentials.ts"
import { makeKubeConnections } from "./makeKubeConnections.ts"

const reasons = [
  "unauthorized",
  "forbidden",
  "not-found",
  "conflict",
  "gone",
  "too-many-requests",
  "unavailable",
  "rejected",
  "unreachable",
  "timeout",
  "malformed"
] as const

/** A request to the Kubernetes API failed. The message is a sentence without secrets. */
export class KubeApiError extends Schema.TaggedError<KubeApiError>()("KubeApiError", {
  reason: Schema.Literals(reasons),
  message: Schema.String
}) {}

/** Query parameters. Undefined ones are omitted. */
export type KubeQuery = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * The Kubernetes API. Callers decode the JSON. Paths start with `/api` or `/apis`, and their segments must be encoded.
 * Every request has a timeout.
 */
export class KubeApi extends Context.Service<KubeApi, {
  /** URL of the Kubernetes API. */
  readonly server: string
  /** The namespace of the service account or of the context of the kubeconfig. */
  readonly namespace: string | undefined
  readonly get: (path: string, query?: KubeQuery) => Effect.Effect<unknown, KubeApiError>
  /** Only for requests that are safe to send twice, such as reviews and tokens: it retries if the connection is lost. */
  readonly create: (path: string, body: unknown) => Effect.Effect<unknown, KubeApiError>
  /** Starts a watch. The stream of its events ends when the Kubernetes API ends the watch. */
  readonly watch: (
    path: string,
    query: KubeQuery
  ) => Effect.Effect<Stream.Stream<unknown, KubeApiError>, KubeApiError, Scope.Scope>
}>()("@koredump/kubernetes/KubeApi") {}

const createTimeout = "10 seconds"
const listTimeout = "60 seconds"
const headTimeout = "30 seconds"
const errorTimeout = "10 seconds"

const MiB = 1024 * 1024
const maxDepth = 64
/** A page of pods. A pod of 20 KiB has about 1,500 values. */
const pageLimits: JsonLimits = { maxBytes: 64 * MiB, maxDepth, maxElements: 4 * MiB }
/** A review or a token, with the groups of a user. */
const createLimits: JsonLimits = { maxBytes: MiB, maxDepth, maxElements: 64 * 1024 }
/** Objects have at most 1.5 MiB in etcd. As JSON they are larger. */
const eventLimits: JsonLimits = { maxBytes: 8 * MiB, maxDepth, maxElements: 512 * 1024 }
const errorLimits: JsonLimits = { maxBytes: 64 * 1024, maxDepth, maxElements: 4096 }

const toReason = (status: number): typeof reasons[number] => {
  switch (status) {
    case 401:
      return "unauthorized"
    case 403:
      return "forbidden"
    case 404:
      return "not-found"
    case 409:
      return "conflict"
    case 410:
      return "gone"
    case 429:
      return "too-many-requests"
    default:
      return status >= 500 ? "unavailable" : "rejected"
  }
}

const decodeStatus = Schema.decodeUnknownOption(Schema.Struct({ message: Schema.String }))

const make = Effect.fnUntraced(function*(options: KubeConfigOptions) {
  const access = yield* loadCredentials(options)
  const { namespace, server } = access
  const connections = yield* makeKubeConnections(access)

  const failure = (reason: typeof reasons[number], what: string) =>
    new KubeApiError({ reason, message: `The Kubernetes API at ${server} ${what}.` })

  const unreachable = (error: HttpClientError.HttpClientError) =>
    new KubeApiError({
      reason: "unreachable",
      message: `Cannot reach the Kubernetes API at ${server} (${errorCode(error.reason.cause) ?? error.reason._tag}).`
    })

  const timedOut = { orElse: () => Effect.fail(failure("timeout", "did not answer in time")) }

  /** The message of an error answer, if it explains a missing permission. Other messages may quote the request. */
  const readDetail = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
    if (toReason(response.status) !== "forbidden") return ""
    const body = yield* Effect.option(
      Effect.timeout(readText(response.stream, errorLimits.maxBytes), errorTimeout)
    )
    const status = body.pipe(
      Option.flatMap(({ text }) => Result.getSuccess(parseBoundedJson(text, errorLimits))),
      Option.flatMap(decodeStatus)
    )
    return Option.match(status, { onNone: () => "", onSome: ({ message }) => `: ${toSingleLine(message)}` })
  })

  const toError = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
    const reason = toReason(response.status)
    if (reason === "unauthorized") yield* access.onRejected
    return failure(reason, `returned ${response.status}${yield* readDetail(response)}`)
  })

  /** Sends a request. Returns when the headers of the answer have arrived. */
  const send = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest) {
    const { client, headers } = yield* Effect.mapError(
      connections.current,
      ({ message }) => new KubeApiError({ reason: "unauthorized", message })
    )
    const response = yield* HttpClient.withScope(client).execute(
      HttpClientRequest.setHeaders(request, { accept: "application/json", "user-agent": "koredump", ...headers })
    ).pipe(
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
      Effect.mapError(unreachable)
    )
    if (response.status >= 200 && response.status < 300) return response
    return yield* yield* toError(response)
  })

  const json = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest, limits: JsonLimits) {
    const response = yield* send(request)
    return yield* readBoundedJson(
      Stream.mapError(response.stream, unreachable),
      limits,
      response.headers["content-length"]
    ).pipe(
      Effect.catchTag("JsonRefused", ({ message, reason }) =>
        Effect.fail(
          failure("malformed", reason === "syntax" ? "returned invalid JSON" : `sent an answer with ${message}`)
        ))
    )
  }, Effect.scoped)

  const toRequest = (path: string, query: KubeQuery = {}) => HttpClientRequest.get(server + path, { urlParams: query })

  return KubeApi.of({
    server,
    namespace,
    get: (path, query) =>
      Effect.timeoutOrElse(json(toRequest(path, query), pageLimits), { duration: listTimeout, ...timedOut }),
    create: (path, body) =>
      json(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(server + path), body), createLimits).pipe(
        // The Kubernetes API may have closed a kept connection.
        Effect.retry({ times: 2, while: ({ reason }) => reason === "unreachable" }),
        Effect.timeoutOrElse({ duration: createTimeout, ...timedOut })
      ),
    watch: (path, query) =>
      send(toRequest(path, { ...query, watch: true })).pipe(
        Effect.timeoutOrElse({ duration: headTimeout, ...timedOut }),
        Effect.map((response) =>
          response.stream.pipe(
            Stream.mapError(unreachable),
            parseJsonLines(eventLimits),
            Stream.mapEffect((line) =>
              Result.isSuccess(line)
                ? Effect.succeed(line.success)
                : Effect.fail(failure("malformed", `sent an invalid watch event (${line.failure.message})`))
            )
          )
        )
      )
  })
})

/** The Kubernetes API of a kubeconfig or of the service account of this pod. */
export const layerKubeApi = (options: KubeConfigOptions = {}): Layer.Layer<KubeApi, KubeConfigError> =>
  Layer.effect(KubeApi, make(options))
