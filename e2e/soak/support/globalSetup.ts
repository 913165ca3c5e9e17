/** Creates the sample host, and prints the measurements at the end. */
import { randomBytes } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { tempDir } from "../../host/test/support/Files.ts"
import { makeSampleHost } from "./host.ts"
import { clearTable, printTable } from "./report.ts"

/** What all test files share. */
export interface Shared {
  /** Directory for the files of servers. */
  readonly path: string
  readonly root: string
  readonly tokenFile: string
  /** The token that the cluster server sends to its node agents. */
  readonly nodeTokenFile: string
  readonly victim: string
  readonly attackers: ReadonlyArray<string>
}

declare module "vitest" {
  interface ProvidedContext {
    readonly shared: Shared
  }
}

const makeToken = () => randomBytes(24).toString("base64url")

export default async ({ provide }: TestProject) => {
  clearTable()
  const dir = await tempDir()
  const [node, victim, ...attackers] = Array.from({ length: 10 }, makeToken) as [string, string, ...Array<string>]
  const root = join(dir.path, "host")
  mkdirSync(root)
  makeSampleHost(root)
  const tokenFile = join(dir.path, "tokens.csv")
  const users = [[node, "cluster"], [victim, "victim"], ...attackers.map((token, n) => [token, `attacker-${n}`])]
  writeFileSync(tokenFile, users.map(([token, user]) => `${token},${user},1\n`).join(""), { mode: 0o600 })
  const nodeTokenFile = join(dir.path, "node-token")
  writeFileSync(nodeTokenFile, node, { mode: 0o600 })
  provide("shared", { path: dir.path, root, tokenFile, nodeTokenFile, victim, attackers })
  return async () => {
    printTable()
    await dir[Symbol.asyncDispose]()
  }
}
