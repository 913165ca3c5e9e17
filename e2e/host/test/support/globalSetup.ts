/** Starts the two servers that most tests use. They serve the real cores of the host. */
import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { tempDir } from "./Files.ts"
import { type Server, startServer } from "./Server.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly local: Server
    readonly node: Server
  }
}

export default async ({ provide }: TestProject) => {
  const dir = await tempDir()
  const token = randomBytes(24).toString("base64url")
  const tokenFile = join(dir.path, "tokens.csv")
  await writeFile(tokenFile, `${token},e2e,1,"testers"\n`, { mode: 0o600 })
  await using servers = new AsyncDisposableStack()
  const local = servers.use(await startServer("local"))
  const node = servers.use(await startServer("node", [], { token, tokenFile }))
  provide("local", { url: local.url })
  provide("node", { url: node.url, token })
  const running = servers.move()
  return async () => {
    await using _rest = running
    const codes = await Promise.all([local.stop(), node.stop()])
    await dir[Symbol.asyncDispose]()
    if (codes.some((code) => code !== 0)) throw new Error(`the servers exited with ${codes.join(" and ")}`)
  }
}
