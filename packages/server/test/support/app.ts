/** An app in process, without a socket. */
import { type Authorization, type Authorizer, type CoreSource, layerAllowAll } from "@koredump/core"
import { type FakeCore, FakeCores, type FakeCoreSourceOptions, layerFakeCoreSource } from "@koredump/core/testing"
import { Context, Effect, Layer, Logger, type Scope } from "effect"
import { HttpRouter } from "effect/http"
import { type AppOptions, layerHttpApp, layerNoAuthorization, routerConfig } from "../../src/index.ts"

export interface AppSettings extends AppOptions, FakeCoreSourceOptions {
  readonly cores?: ReadonlyArray<FakeCore>
  readonly authorization?: Layer.Layer<Authorization>
  /** Default: everything is allowed. */
  readonly authorizer?: Layer.Layer<Authorizer>
  /** Receives the log entries (JSON). Default: no log. */
  readonly log?: (line: string) => void
  /** Wraps the fake source. */
  readonly around?: (source: Layer.Layer<CoreSource>) => Layer.Layer<CoreSource>
}

export interface App {
  readonly fake: FakeCores["Service"]
  readonly request: (path: string, init?: RequestInit) => Effect.Effect<Response>
  /** Returns the JSON body of a response with status 200. */
  readonly json: (path: string) => Effect.Effect<unknown>
}

/** Encodes a text as UTF-8. */
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Serves a fake source with these cores, until the scope ends. */
export const makeApp = (settings: AppSettings = {}): Effect.Effect<App, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(layerFakeCoreSource(settings))
    const fake = Context.get(context, FakeCores)
    yield* Effect.forEach(settings.cores ?? [], fake.put)
    const source: Layer.Layer<CoreSource> = Layer.succeedContext(context)
    const { handler } = yield* Effect.acquireRelease(
      Effect.sync(() =>
        HttpRouter.toWebHandler(
          layerHttpApp({ node: "node-1", ...settings }).pipe(
            Layer.provide([
              settings.around?.(source) ?? source,
              settings.authorization ?? layerNoAuthorization,
              settings.authorizer ?? layerAllowAll
            ]),
            Layer.merge(Logger.layer([Logger.map(Logger.formatJson, (line) => settings.log?.(line))]))
          ),
          { disableLogger: true, routerConfig }
        )
      ),
      ({ dispose }) => Effect.promise(dispose)
    )
    const request: App["request"] = (path, init) =>
      Effect.promise(() => handler(new Request(`http://koredump.test${path}`, init)))
    const json: App["json"] = (path) =>
      Effect.gen(function*() {
        const response = yield* request(path)
        if (response.status !== 200) {
          return yield* Effect.die(`${path}: ${response.status} ${yield* readText(response)}`)
        }
        return JSON.parse(yield* readText(response)) as unknown
      })
    return { fake, json, request }
  })

export const readText = (response: Response): Effect.Effect<string> => Effect.promise(() => response.text())

/** Reads the problem of a response. */
export const readProblem = (response: Response): Effect.Effect<Record<string, unknown>> =>
  Effect.map(readText(response), (text) => {
    if (response.headers.get("content-type") !== "application/problem+json") throw new Error(`not a problem: ${text}`)
    const problem = JSON.parse(text) as Record<string, unknown>
    if (problem["status"] !== response.status) throw new Error(`the response is a ${response.status}: ${text}`)
    return problem
  })

/** Reads the last part of the `type` of a problem. */
export const readProblemCode = (response: Response): Effect.Effect<string> =>
  Effect.map(readProblem(response), ({ type }) => String(type).replace("https://koredump.dev/problems/", ""))
