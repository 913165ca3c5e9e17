/** Runs koredumpctl as a separate process, and servers for it. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { text } from "node:stream/consumers"
import type { Certificate } from "../../../test-support/certificates.ts"
import { core } from "./fixtures.ts"

// Tests must not use the Kubernetes of this machine.
const withoutKubernetes = { KUBECONFIG: "/nonexistent/config", KUBERNETES_SERVICE_HOST: "" }

/** Runs the program as a separate process. `closeEarly` closes its stdout after the first chunk. */
export const run = (
  argv: ReadonlyArray<string>,
  options: {
    readonly env?: Record<string, string>
    readonly closeEarly?: boolean
    readonly program?: "main" | "kubectl-koredump"
    /** The single file, instead of the sources. */
    readonly executable?: string
    /** Reads stdout only after the first output on stderr. */
    readonly readLate?: boolean
    /** Sends a signal when the promise resolves. */
    readonly signal?: { readonly name: NodeJS.Signals; readonly when: Promise<unknown> }
  } = {}
) =>
  Effect.promise(async () => {
    const program = new URL(`../src/${options.program ?? "main"}.ts`, import.meta.url).pathname
    const nodejsArgs = ["--conditions=@koredump/source", program]
    const child = spawn(
      options.executable ?? process.execPath,
      options.executable === undefined ? [...nodejsArgs, ...argv] : argv,
      {
        env: { ...process.env, ...withoutKubernetes, ...options.env },
        stdio: ["ignore", "pipe", "pipe"]
      }
    )
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve))
    let signaled = Number.NaN
    void options.signal?.when.then(() => {
      signaled = performance.now()
      child.kill(options.signal!.name)
    })
    if (options.readLate === true) await once(child.stderr, "readable")
    if (options.closeEarly === true) child.stdout.once("data", () => child.stdout.destroy())
    const stderr = text(child.stderr)
    const stdout = options.closeEarly === true ? Promise.resolve("") : text(child.stdout)
    const code = await closed
    const { signalCode } = child
    return {
      code,
      stdout: await stdout,
      stderr: await stderr,
      ...(options.signal === undefined ? {} : { signalCode, millis: performance.now() - signaled })
    }
  })

/** Starts a server on loopback and returns its URL. */
export const startServer = (
  respond: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: Certificate
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = tls === undefined ? createServer(respond) : createTlsServer(tls, respond)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return server
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(
    Effect.map((server) => {
      const { port } = server.address() as { readonly port: number }
      return `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`
    })
  )

/** Starts a koredump server with one list, which records the paths and tokens of the requests. */
export const startKoredump = Effect.fnUntraced(function*({ cores = 1, headers = {}, tls, token }: {
  readonly cores?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly tls?: Certificate
  /** The token that it requires. Default: none */
  readonly token?: string
}) {
  const tokens: Array<string | undefined> = []
  const paths: Array<string | undefined> = []
  const body = JSON.stringify(Array.from({ length: cores }, () => core()))
  const url = yield* startServer((request, response) => {
    tokens.push(request.headers.authorization)
    paths.push(request.url)
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { "www-authenticate": "Bearer" }).end()
      return
    }
    response.setHeader("content-type", "application/json")
    response.setHeader("koredump-resource-version", "a-1")
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.end(body)
  }, tls)
  return { paths, tokens, url }
})
