import { CoreSource, type Problem, Unauthorized } from "@koredump/core"
import { Clock, Effect, Option, type Redacted, type Scope, Semaphore, Stream } from "effect"
import type { FoundToken } from "./findToken.ts"

type Source = CoreSource["Service"]

/** Options of {@link makeLazyTokenSource}. */
interface LazyTokenOptions {
  /** The source without a token. */
  readonly anonymous: Source
  /** Finds a token. Fails with the reason why there is none. */
  readonly findToken: Effect.Effect<Option.Option<FoundToken>, { readonly message: string }>
  /** The same source with a token. */
  readonly withToken: (token: Redacted.Redacted) => Effect.Effect<Source>
}

/** A token that is rejected after this time has probably expired, so another one is requested. */
const minTokenAgeMillis = 60_000

const rejected = (name: string) => new Unauthorized({ detail: `The server rejected ${name}.` })

/**
 * A source that sends the first requests without a token. Only if the server answers that it requires one, the source
 * finds a token and uses it for all further requests. A server that requires no token never receives one.
 */
export const makeLazyTokenSource = Effect.fnUntraced(
  function*({ anonymous, findToken, withToken }: LazyTokenOptions): Effect.fn.Return<Source> {
    const renewal = yield* Semaphore.make(1)
    let current: { readonly source: Source; readonly tokenName?: string; readonly since: number } = {
      source: anonymous,
      since: 0
    }

    /** The source to use instead of one that was unauthorized. */
    const renew = (unauthorized: typeof current, problem: Unauthorized): Effect.Effect<Source, Unauthorized> =>
      renewal.withPermit(Effect.gen(function*() {
        if (current !== unauthorized) return current.source
        const now = yield* Clock.currentTimeMillis
        if (unauthorized.tokenName !== undefined && now - unauthorized.since < minTokenAgeMillis) {
          return yield* rejected(unauthorized.tokenName)
        }
        const found = yield* Effect.mapError(findToken, ({ message }) => new Unauthorized({ detail: message }))
        if (Option.isNone(found)) return yield* problem
        const { name, token } = found.value
        current = { source: yield* withToken(token), tokenName: name, since: now }
        return current.source
      }))

    /** Sends the request again. If it is unauthorized again, the error names the token. */
    const retry = <A, R>(source: Source, use: (source: Source) => Effect.Effect<A, Problem, R>) =>
      Effect.catchTag(
        use(source),
        "Unauthorized",
        (problem) => Effect.fail(current.tokenName === undefined ? problem : rejected(current.tokenName))
      )

    const request = <A, R>(use: (source: Source) => Effect.Effect<A, Problem, R>): Effect.Effect<A, Problem, R> =>
      Effect.suspend(() => {
        const used = current
        return Effect.catchTag(
          use(used.source),
          "Unauthorized",
          (problem) => Effect.flatMap(renew(used, problem), (source) => retry(source, use))
        )
      })

    const changes: Source["changes"] = (options) =>
      Stream.suspend(() => {
        const used = current
        let hasEvents = false
        return used.source.changes(options).pipe(
          Stream.tap(() => Effect.sync(() => void (hasEvents = true))),
          Stream.catchTag("Unauthorized", (problem) =>
            hasEvents
              ? Stream.fail(problem)
              : Stream.unwrap(Effect.map(renew(used, problem), (source) => source.changes(options))))
        )
      })

    return CoreSource.of({
      list: (query) => request((source) => source.list(query)),
      get: (ref) => request((source) => source.get(ref)),
      open: (ref) => request<Effect.Success<ReturnType<Source["open"]>>, Scope.Scope>((source) => source.open(ref)),
      remove: (ref) => request((source) => source.remove(ref)),
      nodes: request((source) => source.nodes),
      changes
    })
  }
)
