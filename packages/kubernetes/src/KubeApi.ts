/**
 * The Kubernetes API server: JSON in, JSON out, and watches as streams. What the answers mean is decoded by whoever asks.
 * Every call has its time, ends with the fiber that made it, and fails without a token in any text.
 */
import { errorCode, toSingleLine } from "@koredump/core"
import { Config, Context, Effect, Layer, Option, Schema, type Scope, Stream } from "effect"
import { Ndjson } from "effect/encoding"
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { type KubeAccess, type KubeConfigError, type KubeConfigOptions } from "./KubeAccess.ts"
import { makeKubeConnections } from "./KubeConnections.ts"
import { accessByServiceAccount } from "./serviceAccount.ts"

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

/** Why the API server did not do what it was asked for; `message` is a sentence without secrets. */
export class KubeApiError extends Schema.TaggedError<KubeApiError>()("KubeApiError", {
  reason: Schema.Literals(reasons),
  message: Schema.String
}) {}

/** Query parameters; those that are undefined are left out. */
export type KubeQuery = Readonly<Record<string, string | number | boolean | undefined>>

/** See the module's text. Paths begin with `/api` or `/apis`; their segments must be encoded. */
export class KubeApi extends Context.Service<KubeApi, {
  /** Its address. */
  readonly server: string
  /** The namespace of the service account (in a pod: its own) or of the kubeconfig's context. */
  readonly namespace: string | undefined
  readonly get: (path: string, query?: KubeQuery) => Effect.Effect<unknown, KubeApiError>
  /** For what may be asked twice: reviews, tokens. */
  readonly create: (path: string, body: unknown) => Effect.Effect<unknown, KubeApiError>
  /** Begins a watch: its events, which end where the server ends them. */
  readonly watch: (
    path: string,
    query: KubeQuery
  ) => Effect.Effect<Stream.Stream<unknown, KubeApiError>, KubeApiError, Scope.Scope>
}>()("@koredump/kubernetes/KubeApi") {}

const createTimeout = "10 seconds"
const listTimeout = "60 seconds"
const headTimeout = "30 seconds"
const maxBodyBytes = 256 * 1024 * 1024
const maxErrorBytes = 64 * 1024
/** Objects have at most 1.5 MiB in etcd; JSON is longer than its storage form. */
const maxEventBytes = 8 * 1024 * 1024

const reasonOf = (status: number): typeof reasons[number] => {
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

const decodeStatus = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ message: Schema.String })))

const accessOf = Effect.fnUntraced(function*(
  options: KubeConfigOptions
): Effect.fn.Return<KubeAccess, KubeConfigError> {
  const variable = yield* Effect.orDie(Config.String("KUBECONFIG").pipe(Config.withDefault("")))
  if (options.kubeconfig === undefined && options.context === undefined && variable === "") {
    const access = yield* accessByServiceAccount()
    if (Option.isSome(access)) return access.value
  }
  const { accessByKubeconfig } = yield* Effect.promise(() => import("./kubeconfig.ts"))
  return yield* accessByKubeconfig(options)
})

const make = Effect.fnUntraced(function*(options: KubeConfigOptions) {
  const access = yield* accessOf(options)
  const { namespace, server } = access
  const connections = yield* makeKubeConnections(access)

  const failure = (reason: typeof reasons[number], what: string) =>
    new KubeApiError({ reason, message: `The API server ${server} ${what}.` })

  const unreachable = (error: HttpClientError.HttpClientError) =>
    failure("unreachable", `cannot be reached (${errorCode(error.reason.cause) ?? error.reason._tag})`)

  const timedOut = { orElse: () => Effect.fail(failure("timeout", "did not answer in time")) }

  /** The text of a body; fails where it is longer than `maxBytes`. */
  const readText = (response: HttpClientResponse.HttpClientResponse, maxBytes: number) =>
    Effect.suspend(() => {
      const decoder = new TextDecoder()
      let text = ""
      let size = 0
      return response.stream.pipe(
        Stream.mapError(unreachable),
        Stream.runForEach((chunk) => {
          size += chunk.length
          text += decoder.decode(chunk, { stream: true })
          return size > maxBytes ? Effect.fail(failure("malformed", `sent more than ${maxBytes} bytes`)) : Effect.void
        }),
        Effect.map(() => text + decoder.decode())
      )
    })

  const refusal = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
    const { status } = response
    const reason = reasonOf(status)
    if (reason === "unauthorized") yield* access.refused
    // Only what says who lacks which right: other texts may quote what was sent.
    const text = reason === "forbidden"
      ? decodeStatus(yield* Effect.orElseSucceed(readText(response, maxErrorBytes), () => ""))
      : undefined
    const said = text?._tag === "Some" ? `: ${toSingleLine(text.value.message)}` : ""
    return yield* failure(reason, `answered ${status}${said}`)
  })

  /** Sends a request until its answer begins. */
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
    return response.status >= 200 && response.status < 300 ? response : yield* refusal(response)
  })

  const json = Effect.fnUntraced(function*(request: HttpClientRequest.HttpClientRequest) {
    const text = yield* Effect.flatMap(send(request), (response) => readText(response, maxBodyBytes))
    return yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => failure("malformed", "answered with something other than JSON")
    })
  }, Effect.scoped)

  const at = (path: string, query: KubeQuery = {}) => HttpClientRequest.get(server + path, { urlParams: query })

  return KubeApi.of({
    server,
    namespace,
    get: (path, query) => Effect.timeoutOrElse(json(at(path, query)), { duration: listTimeout, ...timedOut }),
    create: (path, body) =>
      json(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(server + path), body)).pipe(
        // A connection that was kept may be closed by now.
        Effect.retry({ times: 2, while: ({ reason }) => reason === "unreachable" }),
        Effect.timeoutOrElse({ duration: createTimeout, ...timedOut })
      ),
    watch: (path, query) =>
      send(at(path, { ...query, watch: true })).pipe(
        Effect.timeoutOrElse({ duration: headTimeout, ...timedOut }),
        Effect.map((response) =>
          response.stream.pipe(
            Stream.mapError(unreachable),
            Stream.pipeThroughChannel(
              Ndjson.decode<KubeApiError>({ ignoreEmptyLines: true, maxLineBytes: maxEventBytes })
            ),
            Stream.catchTag(
              "NdjsonError",
              ({ reason }) => Stream.fail(failure("malformed", `sent a line that is no event of a watch (${reason})`))
            )
          )
        )
      )
  })
})

/** The API server that a kubeconfig or this pod's service account names. */
export const layerKubeApi = (options: KubeConfigOptions = {}): Layer.Layer<KubeApi, KubeConfigError> =>
  Layer.effect(KubeApi, make(options))
