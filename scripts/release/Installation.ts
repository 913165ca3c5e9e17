/** One packed package in an empty project outside of the repository, as `npm install` puts it there. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { entriesOf, type Manifest, type Packed } from "../../test-support/packages.ts"
import { type Sbom } from "./sbom.ts"

const exec = promisify(execFile)

/** Whatever hangs ends after so many milliseconds, and fails. */
const timeout = 60_000

/** `packed` and those of ours that it needs, which no registry has yet. */
export const closureOf = (packed: Packed, all: ReadonlyArray<Packed>): ReadonlyArray<Packed> => {
  const closure = new Set([packed])
  for (const { manifest } of closure) {
    const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    for (const other of all) if (names.includes(other.manifest.name)) closure.add(other)
  }
  return [...closure]
}

/** What each program is asked, and what it has to say. */
const questions = (
  version: string,
  host: string
): Readonly<Record<string, ReadonlyArray<readonly [args: ReadonlyArray<string>, answer: RegExp]>>> => {
  const says = new RegExp(`^(?:\\S+ )?v?${version.replaceAll(".", "\\.")}$`, "m")
  return {
    koredumpctl: [
      [["version"], says],
      [["--local", "--root", host, "list"], /^- ID: core\.checkout\./m]
    ],
    "kubectl-koredump": [[["--version"], says]],
    "koredump-server": [[["--version"], says]]
  }
}

/** A project with one package installed. */
export class Installation {
  readonly #manifest: Manifest
  readonly #directory: string
  readonly #env: NodeJS.ProcessEnv

  private constructor(manifest: Manifest, directory: string) {
    this.#manifest = manifest
    this.#directory = directory
    // The Node that runs this is the one from npm; nothing else of the repository is on the PATH.
    const path = [join(directory, "node_modules/.bin"), dirname(process.execPath), "/usr/bin", "/bin"]
    this.#env = { HOME: directory, PATH: path.join(":") }
  }

  /** Installs into `directory`, which is made. No script runs: none is needed. */
  static async of(packed: Packed, all: ReadonlyArray<Packed>, directory: string): Promise<Installation> {
    await mkdir(directory)
    await writeFile(
      join(directory, "package.json"),
      JSON.stringify({ name: "project", version: "1.0.0", private: true, type: "module" })
    )
    const tarballs = closureOf(packed, all).map(({ tarball }) => tarball)
    await exec("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...tarballs], {
      cwd: directory,
      timeout: 5 * timeout
    })
    return new Installation(packed.manifest, directory)
  }

  async #run(command: string, args: ReadonlyArray<string>): Promise<string> {
    const { stderr, stdout } = await exec(command, [...args], { cwd: this.#directory, env: this.#env, timeout })
    return stdout + stderr
  }

  /** Imports each public entry; answers their names. */
  async imports(): Promise<ReadonlyArray<string>> {
    const entries = entriesOf(this.#manifest)
    for (const entry of entries) {
      const program = `if (Object.keys(await import(${
        JSON.stringify(entry)
      })).length === 0) throw new Error("is empty")`
      await this.#run("node", ["--input-type=module", "--eval", program])
    }
    return entries
  }

  /** Runs each program on the sample host at `host`; answers what was run. */
  async runs(host: string): Promise<ReadonlyArray<string>> {
    const names = Object.keys(this.#manifest.bin ?? {})
    const asked = questions(this.#manifest.version, host)
    const ran: Array<string> = []
    for (const name of names) {
      for (const [args, answer] of asked[name] ?? []) {
        const said = await this.#run(name, args)
        const command = [name, ...args].join(" ").replace(host, "HOST")
        if (!answer.test(said)) throw new Error(`${command} does not say ${answer}, but:\n${said}`)
        ran.push(command)
      }
      if (!(name in asked)) throw new Error(`${name} is not known here: say how it is tried`)
    }
    if (names.includes("koredump-server")) ran.push(await this.#serves(host))
    return ran
  }

  /** The server serves the host's cores, and ends when it is told to. */
  async #serves(host: string): Promise<string> {
    const server = spawn("koredump-server", ["local", "--root", host, "--listen", "127.0.0.1:0"], {
      cwd: this.#directory,
      env: this.#env,
      stdio: ["ignore", "pipe", "inherit"],
      timeout
    })
    const ended = once(server, "close") as Promise<[number | null]>
    const log: Array<string> = []
    let url: string | undefined
    for await (const line of createInterface(server.stdout)) {
      log.push(line)
      url = /http:\/\/[^\s"/]+/.exec(line)?.[0]
      if (url !== undefined) break
    }
    if (url === undefined) throw new Error(`koredump-server ended without an address:\n${log.join("\n")}`)
    server.stdout.resume()
    const cores = await fetch(`${url}/apiv1/cores`).then((response) => response.json()) as ReadonlyArray<unknown>
    server.kill("SIGTERM")
    const [code] = await ended
    if (cores.length === 0 || code !== 0) {
      throw new Error(`koredump-server serves ${cores.length} cores and ends with ${code}`)
    }
    return "koredump-server local --root HOST"
  }

  /** npm's bill of materials of all that was installed. */
  async sbom(): Promise<Sbom> {
    const { stdout } = await exec("npm", ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application"], {
      cwd: this.#directory,
      maxBuffer: 64 * 1024 * 1024
    })
    return JSON.parse(stdout) as Sbom
  }
}
