/** A fake Kubernetes API on a socket, and kubeconfigs for it. */
import { Effect, FileSystem } from "effect"
import type { ServerResponse } from "node:http"

export { type Handler, serve } from "../../../../test-support/httpServer.ts"

export const config = (server: string, { cluster = {}, token = "s3cr3t" }: { token?: string; cluster?: object } = {}) =>
  JSON.stringify({
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{ name: "c", cluster: { server, ...cluster } }],
    "users": [{ name: "u", user: { token } }, { name: "v", user: { token: "other" } }],
    "contexts": [
      { name: "one", context: { cluster: "c", user: "u", namespace: "koredump" } },
      { name: "two", context: { cluster: "c", user: "v" } },
      { name: "no-user", context: { cluster: "c", user: "x" } },
      { name: "no-cluster", context: { cluster: "x", user: "u" } }
    ],
    "current-context": "one"
  })

/** Writes a kubeconfig and returns its path. */
export const writeKubeconfig = Effect.fnUntraced(function*(text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* fs.makeTempFileScoped()
  yield* fs.writeFileString(path, text)
  return path
})

export const answer = (response: ServerResponse, body: unknown, status = 200) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
