/**
 * A source that is asked without a token first: only where the server wants one, a token is looked for, and then used
 * for all that follows. So a server that needs none never sees one, and nothing is looked for in vain.
 */
import { CoreSource, type Problem, Unauthorized } from "@koredump/core"
import { Clock, Effect, Option, type Redacted, type Scope, Semaphore, Stream } from "effect"
import type { FoundToken } from "./findToken.ts"

type Source = CoreSource["Service"]

/** What it is made of. */
export interface TokenOnDemandOptions {
  readonly anonymous: Source
  /** Looks for a token; fails with why there is none. */
  readonly findToken: Effect.Effect<Option.Option<FoundToken>, { readonly message: string }>
  /** The same source, asked with a token. */
  readonly withToken: (token: Redacted.Redacted) => Effect.Effect<Source>
}

/** A token that is refused sooner was wrong from the start; later it has expired, and a new one is looked for. */
const freshMillis = 60_000

/** See the module's text. */
export const tokenOnDemand = Effect.fnUntraced(
  function*({ anonymous, findToken, withToken }: TokenOnDemandOptions): Effect.fn.Return<Source> {
    const one = yield* Semaphore.make(1)
    let current: { readonly source: Source; readonly whose?: string; readonly since: number } = {
      source: anonymous,
      since: 0
    }

    /** What to ask instead of a source that was refused. */
    const renewed = (refused: typeof current, problem: Unauthorized): Effect.Effect<Source, Unauthorized> =>
      one.withPermit(Effect.gen(function*() {
        if (current !== refused) return current.source
        const now = yield* Clock.currentTimeMillis
        if (refused.whose !== undefined && now - refused.since < freshMillis) {
          return yield* new Unauthorized({ detail: `${refused.whose} is not accepted.` })
        }
        const found = yield* Effect.mapError(findToken, ({ message }) => new Unauthorized({ detail: message }))
        if (Option.isNone(found)) return yield* problem
        const { token, whose } = found.value
        current = { source: yield* withToken(token), whose, since: now }
        return current.source
      }))

    /** Asks, and where the token that was found is refused as well, says whose it was. */
    const askWithFound = <A, R>(source: Source, use: (source: Source) => Effect.Effect<A, Problem, R>) =>
      Effect.catchTag(use(source), "Unauthorized", (problem) =>
        Effect.fail(
          current.whose === undefined ? problem : new Unauthorized({ detail: `${current.whose} is not accepted.` })
        ))

    const ask = <A, R>(use: (source: Source) => Effect.Effect<A, Problem, R>): Effect.Effect<A, Problem, R> =>
      Effect.suspend(() => {
        const asked = current
        return Effect.catchTag(
          use(asked.source),
          "Unauthorized",
          (problem) => Effect.flatMap(renewed(asked, problem), (source) => askWithFound(source, use))
        )
      })

    const changes: Source["changes"] = (options) =>
      Stream.suspend(() => {
        const asked = current
        let begun = false
        return asked.source.changes(options).pipe(
          Stream.tap(() => Effect.sync(() => void (begun = true))),
          Stream.catchTag("Unauthorized", (problem) =>
            begun
              ? Stream.fail(problem)
              : Stream.unwrap(Effect.map(renewed(asked, problem), (source) => source.changes(options))))
        )
      })

    return CoreSource.of({
      list: (query) => ask((source) => source.list(query)),
      get: (ref) => ask((source) => source.get(ref)),
      open: (ref) => ask<Effect.Success<ReturnType<Source["open"]>>, Scope.Scope>((source) => source.open(ref)),
      remove: (ref) => ask((source) => source.remove(ref)),
      nodes: ask((source) => source.nodes),
      changes
    })
  }
)
