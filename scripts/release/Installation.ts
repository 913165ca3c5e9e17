/** A packed package that is installed in an empty project outside of the repository. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { listEntries, type Manifest, type Packed } from "../../test-support/packages.ts"
import { type Sbom } from "./sbom.ts"

const exec = promisify(execFile)

/** Timeout of each command, in milliseconds. */
const timeout = 60_000

/** `packed` and the koredump packages that it depends on. They are not in a registry yet. */
export const withDependencies = (packed: Packed, all: ReadonlyArray<Packed>): ReadonlyArray<Packed> => {
  const closure = new Set([packed])
  for (const { manifest } of closure) {
    const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    for (const other of all) if (names.includes(other.manifest.name)) closure.add(other)
  }
  return [...closure]
}

/** The commands to run, with the expected output. */
const expectedOutputs = (
  version: string,
  host: string
): Readonly<Record<string, ReadonlyArray<readonly [args: ReadonlyArray<string>, output: RegExp]>>> => {
  const versionOutput = new RegExp(`^(?:\\S+ )?v?${version.replaceAll(".", "\\.")}$`, "m")
  return {
    koredumpctl: [
      [["version"], versionOutput],
      [["--local", "--root", host, "list"], /^- ID: core\.checkout\./m]
    ],
    "kubectl-koredump": [[["--version"], versionOutput]],
    "koredump-server": [[["--version"], versionOutput]]
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
    // Of the repository, the PATH contains only Node.js.
    const path = [join(directory, "node_modules/.bin"), dirname(process.execPath), "/usr/bin", "/bin"]
    this.#env = { HOME: directory, PATH: path.join(":") }
  }

  /** Creates `directory` and installs the package there, without running scripts. */
  static async create(packed: Packed, all: ReadonlyArray<Packed>, directory: string): Promise<Installation> {
    await mkdir(directory)
    await writeFile(
      join(directory, "package.json"),
      JSON.stringify({ name: "project", version: "1.0.0", private: true, type: "module" })
    )
    const tarballs = withDependencies(packed, all).map(({ tarball }) => tarball)
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

  /** Imports each public entry. Returns their names. */
  async imports(): Promise<ReadonlyArray<string>> {
    const entries = listEntries(this.#manifest)
    for (const entry of entries) {
      const program = `if (Object.keys(await import(${
        JSON.stringify(entry)
      })).length === 0) throw new Error("exports nothing")`
      await this.#run("node", ["--input-type=module", "--eval", program])
    }
    return entries
  }

  /** Runs each command on the sample host at `host`. Returns the commands. */
  async runs(host: string): Promise<ReadonlyArray<string>> {
    const names = Object.keys(this.#manifest.bin ?? {})
    const expected = expectedOutputs(this.#manifest.version, host)
    const ran: Array<string> = []
    for (const name of names) {
      for (const [args, output] of expected[name] ?? []) {
        const actual = await this.#run(name, args)
        const command = [name, ...args].join(" ").replace(host, "HOST")
        if (!output.test(actual)) throw new Error(`${command}: expected ${output}, got:\n${actual}`)
        ran.push(command)
      }
      if (!(name in expected)) throw new Error(`No check for the command ${name}. Add it to ${import.meta.filename}.`)
    }
    if (names.includes("koredump-server")) ran.push(await this.#serves(host))
    return ran
  }

  /** Starts the server, lists the core dumps of the host and stops the server. */
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
    if (url === undefined) throw new Error(`koredump-server did not start:\n${log.join("\n")}`)
    server.stdout.resume()
    const cores = await fetch(`${url}/apiv1/cores`).then((response) => response.json()) as ReadonlyArray<unknown>
    server.kill("SIGTERM")
    const [code] = await ended
    if (cores.length === 0 || code !== 0) {
      throw new Error(`koredump-server listed ${cores.length} core dumps and exited with code ${code}`)
    }
    return "koredump-server local --root HOST"
  }

  /** npm's SBOM of the installed packages. */
  async sbom(): Promise<Sbom> {
    const { stdout } = await exec("npm", ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application"], {
      cwd: this.#directory,
      maxBuffer: 64 * 1024 * 1024
    })
    return JSON.parse(stdout) as Sbom
  }
}
