/** Programs that benchmarks start: each ends with the scope it was started in. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

const packages = join(import.meta.dirname, "../../packages")

/** The built programs. */
export const serverMain = join(packages, "server/dist/main.js")
export const cliMain = join(packages, "cli/dist/main.js")

/** A directory that goes with its scope. */
export const temporaryDirectory = (): { readonly path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), "koredump-bench-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const end = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, "exit")
  child.kill("SIGTERM")
  const late = setTimeout(() => child.kill("SIGKILL"), 5000)
  await exited
  clearTimeout(late)
}

/** A running server. */
export interface Running extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/** The token that `startNode` gives to its server. */
export const token = "bench-token"

/** `koredump-server node` over a directory of cores, on loopback, with a token. */
export const startNode = async (directory: string, args: ReadonlyArray<string>): Promise<Running> => {
  const tokenFile = join(directory, "tokens.csv")
  writeFileSync(tokenFile, `${token},bench,1\n`)
  const child = spawn(process.execPath, [
    serverMain,
    "node",
    "--listen=127.0.0.1:0",
    "--ops-listen=127.0.0.1:0",
    "--log-format=json",
    "--auth=token-file",
    `--token-file=${tokenFile}`,
    ...args
  ], { stdio: ["ignore", "pipe", "inherit"] })
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout!).on("line", (line) => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
      if (found !== undefined) resolve(found)
    })
    child.once("exit", (code) => reject(new Error(`koredump-server ended with ${code}`)))
  })
  return { url, pid: child.pid!, [Symbol.asyncDispose]: () => end(child) }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** Debian's nginx with sendfile, serving a directory: the yardstick for downloads. */
export const startNginx = async (directory: string): Promise<Running> => {
  if (spawnSync("nginx", ["-v"]).error !== undefined) {
    if (process.getuid?.() !== 0) throw new Error("nginx is not installed: apt-get install nginx-light")
    spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" })
    const { status } = spawnSync("apt-get", ["install", "-qy", "--no-install-recommends", "nginx-light"], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    })
    if (status !== 0) throw new Error("nginx could not be installed: apt-get install nginx-light")
  }
  const port = await freePort()
  const config = join(directory, "nginx.conf")
  writeFileSync(
    config,
    `daemon off; master_process off; worker_processes 1; pid ${directory}/nginx.pid; error_log /dev/null;
events { worker_connections 512; }
http { access_log off; sendfile on; tcp_nopush on; types { } default_type application/octet-stream;
  client_body_temp_path ${directory}/t1; proxy_temp_path ${directory}/t2; fastcgi_temp_path ${directory}/t3;
  uwsgi_temp_path ${directory}/t4; scgi_temp_path ${directory}/t5;
  server { listen 127.0.0.1:${port}; root ${directory}/files; } }
`
  )
  const child = spawn("nginx", ["-c", config, "-p", directory, "-e", "/dev/null"], {
    stdio: ["ignore", "ignore", "ignore"]
  })
  const url = `http://127.0.0.1:${port}`
  await until(async () => (await fetch(url)).status > 0)
  return { url, pid: child.pid!, [Symbol.asyncDispose]: () => end(child) }
}

/** Tries until it holds, for 60 seconds at most. */
export const until = async (holds: () => Promise<boolean>, everyMillis = 10): Promise<void> => {
  const deadline = performance.now() + 60_000
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error("waited for 60 seconds in vain")
    await new Promise((resolve) => setTimeout(resolve, everyMillis))
  }
}

/** Runs a program to its end: seconds, and what it wrote. */
export const timed = async (
  command: string,
  args: ReadonlyArray<string>
): Promise<{ seconds: number; stdout: string }> => {
  const started = performance.now()
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
  let stdout = ""
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("latin1")
  })
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
  return { seconds: (performance.now() - started) / 1000, stdout }
}

/** Memory of a process in MiB: resident now, and the most it ever was. */
export const memoryOf = (pid: number): { readonly now: number; readonly peak: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "latin1")
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN)
  return { now: kib("VmRSS") / 1024, peak: kib("VmHWM") / 1024 }
}

/** Runs a program to its end and tells the most memory it had, in MiB. */
export const peakMemory = async (command: string, args: ReadonlyArray<string>): Promise<number> => {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] })
  let peak = 0
  const sampling = setInterval(() => {
    try {
      peak = Math.max(peak, memoryOf(child.pid!).peak || 0)
    } catch {
      // It has ended between two looks.
    }
  }, 10)
  const [code] = await once(child, "close")
  clearInterval(sampling)
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
  return peak
}

/** The bytes of a URL into nowhere, by curl: bytes a second. */
export const curlRate = async (url: string): Promise<number> => {
  const { stdout } = await timed("curl", [
    "-sf",
    "--output",
    "/dev/null",
    "--write-out",
    "%{speed_download}",
    "--header",
    `Authorization: Bearer ${token}`,
    url
  ])
  return Number(stdout)
}
