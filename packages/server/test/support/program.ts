/** The program in its own process, built from the sources. `e2e/host` tests the published build. */
import { afterAll, beforeAll } from "@effect/vitest"
import { build } from "esbuild"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

// A bundle loads three times as fast as the sources. In this directory it finds native packages.
const directory = join(import.meta.dirname, `../../../../node_modules/.koredump-server-test-${process.pid}`)
/** The entry of the bundle, built before the tests of each file that imports this module. */
export const main = join(directory, "main.js")
beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, "../../src/main.ts")],
    outdir: directory,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "node",
    conditions: ["@koredump/source"],
    external: ["@napi-rs/*"],
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` }
  })
}, 60_000)
afterAll(() => rm(directory, { recursive: true, force: true }))

export const core = "core.large.0.0123456789abcdef0123456789abcdef.4242.1700000000000000"
export const size = 64 * 1024 * 1024

/** A host with one large core and no journal. */
export const makeHost = async () => {
  const root = await mkdtemp(join(tmpdir(), "koredump-server-"))
  const directory = join(root, "var/lib/systemd/coredump")
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, core), "")
  await truncate(join(directory, core), size)
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) }
}

export interface Started extends AsyncDisposable {
  readonly address: string
  readonly child: ChildProcess
  readonly log: ReadonlyArray<string>
  /** Waits for the address of the ops port. */
  readonly opsAddress: () => Promise<string>
  /** The exit code, or the signal. */
  readonly ended: Promise<number | string>
}

const getAddress = (line: string) =>
  (JSON.parse(line) as { readonly annotations: { readonly address: string } }).annotations.address

/** Starts the server and waits for its first log entry. */
export const start = async (...args: ReadonlyArray<string>): Promise<Started> => {
  const child = spawn(process.execPath, [main, ...args, "--log-format", "json"], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  // The event "exit" can come before the rest of the log.
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string)
  const log: Array<string> = []
  const address = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      log.push(line)
      resolve(getAddress(log[0]!))
    })
    void ended.then((end) => reject(new Error(`the server exited with ${end}`)))
  })
  return {
    address,
    child,
    ended,
    log,
    opsAddress: async () => {
      for (;;) {
        const line = log.find((line) => line.includes("\"Ops server listening\""))
        if (line !== undefined) return getAddress(line)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await ended
    }
  }
}

/** Runs the program until it exits. */
export const run = (args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env }
  })
  return { status, output: stderr + stdout }
}
