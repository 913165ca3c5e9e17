/** Child processes of benchmarks. They stop at the end of the scope that started them. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { makeAuthority } from "../../test-support/certificates.ts"

const packages = join(import.meta.dirname, "../../packages")

/** The built programs. */
const serverMain = join(packages, "server/dist/main.js")
export const cliMain = join(packages, "cli/dist/main.js")

/** A temporary directory that is deleted with its scope or the process. */
export const temporaryDirectory = (): { readonly path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), "koredump-bench-"))
  const remove = () => rmSync(path, { recursive: true, force: true })
  process.once("exit", remove)
  return {
    path,
    [Symbol.dispose]: () => {
      process.off("exit", remove)
      remove()
    }
  }
}

/** Timeout for each step, in milliseconds. */
const timeout = 120_000

/** Starts a process that is killed when this process exits. */
const start = (
  command: string,
  args: ReadonlyArray<string>,
  stdout: "pipe" | "ignore",
  stdin: "pipe" | "ignore" = "ignore"
): ChildProcess => {
  const child = spawn(command, args, { stdio: [stdin, stdout, "inherit"] })
  const kill = () => child.kill("SIGKILL")
  process.once("exit", kill)
  child.once("exit", () => process.off("exit", kill))
  return child
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
interface Running extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/** Reads the URL of a server from its stdout, and from then on discards the log. */
const readUrl = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL")
      reject(new Error("a server did not print its address"))
    }, timeout)
    const lines = createInterface(child.stdout!).on("line", (line) => {
      const found = /https?:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
      if (found === undefined) return
      clearTimeout(late)
      lines.close()
      child.stdout!.resume()
      resolve(found)
    })
    child.once("exit", (code) => {
      clearTimeout(late)
      reject(new Error(`a server exited with ${code}`))
    })
  })

/** The files of a certificate for 127.0.0.1, and of the CA that signed it. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Makes a certificate for 127.0.0.1. */
export const makeTlsFiles = (directory: string): TlsFiles => {
  const { ca, certificates } = makeAuthority("bench", "IP:127.0.0.1,DNS:bench")
  const files = { ca: join(directory, "ca.pem"), cert: join(directory, "cert.pem"), key: join(directory, "key.pem") }
  writeFileSync(files.ca, ca)
  writeFileSync(files.cert, certificates[0]!.cert)
  writeFileSync(files.key, certificates[0]!.key)
  return files
}

const tlsFlags = (tls: TlsFiles | undefined): ReadonlyArray<string> =>
  tls === undefined ? [] : [`--tls-cert=${tls.cert}`, `--tls-key=${tls.key}`]

/** The token for the servers. */
export const token = "bench-token"

/** Starts `koredump-server node` on loopback, with a root directory and a token. */
export const startNode = async (root: string, tls?: TlsFiles): Promise<Running> => {
  const tokenFile = join(root, "tokens.csv")
  writeFileSync(tokenFile, `${token},bench,1\n`)
  const child = start(process.execPath, [
    serverMain,
    "node",
    "--root",
    root,
    "--listen=127.0.0.1:0",
    "--ops-listen=127.0.0.1:0",
    "--log-format=json",
    "--auth=token-file",
    `--token-file=${tokenFile}`,
    ...tlsFlags(tls)
  ], "pipe")
  return { url: await readUrl(child), pid: child.pid!, [Symbol.asyncDispose]: () => end(child) }
}

/** Starts `koredump-server cluster` on loopback, with node agents of `startNode` and the same token. */
export const startCluster = async (
  root: string,
  nodes: Readonly<Record<string, string>>,
  tls?: TlsFiles
): Promise<Running> => {
  const nodeTokenFile = join(root, "node-token")
  writeFileSync(nodeTokenFile, token)
  const child = start(process.execPath, [
    serverMain,
    "cluster",
    ...Object.entries(nodes).map(([name, url]) => `--node=${name}=${url}`),
    `--node-token-file=${nodeTokenFile}`,
    "--listen=127.0.0.1:0",
    "--ops-listen=127.0.0.1:0",
    "--log-format=json",
    "--auth=token-file",
    `--token-file=${join(root, "tokens.csv")}`,
    ...tlsFlags(tls),
    ...(tls === undefined ? [] : [`--node-ca=${tls.ca}`])
  ], "pipe")
  return { url: await readUrl(child), pid: child.pid!, [Symbol.asyncDispose]: () => end(child) }
}

/** Starts a minimal server that sends the lines of a file to all clients on `go`. */
export const startLineServer = async (lines: string): Promise<Running & { readonly go: () => void }> => {
  const child = start(process.execPath, [join(import.meta.dirname, "lineServer.ts"), lines], "pipe", "pipe")
  return {
    url: await readUrl(child),
    pid: child.pid!,
    go: () => child.stdin!.write("go\n"),
    [Symbol.asyncDispose]: () => end(child)
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

const requireNginx = () => {
  if (spawnSync("nginx", ["-v"]).error === undefined) return
  if (process.getuid?.() !== 0) throw new Error("nginx not found. Run: apt-get install nginx-light")
  spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" })
  const { status } = spawnSync("apt-get", ["install", "-qy", "--no-install-recommends", "nginx-light"], {
    stdio: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  })
  if (status !== 0) throw new Error("cannot install nginx. Run: apt-get install nginx-light")
}

/** Starts nginx with these directives of a server, as baseline. One worker, like a server of Node.js. */
const startNginxServer = async (directory: string, directives: string, tls?: TlsFiles): Promise<Running> => {
  requireNginx()
  const port = await freePort()
  const config = join(directory, `nginx-${port}.conf`)
  writeFileSync(
    config,
    `daemon off; master_process off; worker_processes 1; pid ${directory}/nginx-${port}.pid; error_log /dev/null;
events { worker_connections 512; }
http { access_log off; types { } default_type application/octet-stream; keepalive_requests 1000000;
  client_body_temp_path ${directory}/t1; proxy_temp_path ${directory}/t2; fastcgi_temp_path ${directory}/t3;
  uwsgi_temp_path ${directory}/t4; scgi_temp_path ${directory}/t5;
  server { ${
      tls === undefined
        ? `listen 127.0.0.1:${port};`
        : `listen 127.0.0.1:${port} ssl; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`
    } ${directives} } }
`
  )
  const child = start("nginx", ["-c", config, "-p", directory, "-e", "/dev/null"], "ignore")
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`
  // Not a request: an upstream need not have the path.
  await until(async () => {
    const socket = connect(port, "127.0.0.1")
    await once(socket, "connect")
    socket.destroy()
    return true
  })
  return { url, pid: child.pid!, [Symbol.asyncDispose]: () => end(child) }
}

/** Starts nginx for the subdirectory `files` of a directory. */
export const startNginx = (directory: string, sending: string, tls?: TlsFiles): Promise<Running> =>
  startNginxServer(directory, `${sending} root ${directory}/files;`, tls)

/** Starts nginx as a proxy. It does not write to disk, and has its default buffers. */
export const startNginxProxy = (directory: string, upstream: string, tls?: TlsFiles): Promise<Running> =>
  startNginxServer(
    directory,
    `location / { proxy_pass ${upstream}; proxy_http_version 1.1; proxy_max_temp_file_size 0; ${
      tls === undefined ? "" : `proxy_ssl_verify on; proxy_ssl_name bench; proxy_ssl_trusted_certificate ${tls.ca};`
    } }`,
    tls
  )

/** Requests a URL over keep-alive connections, and returns the number of responses per second. */
export const measureRate = async (url: string, connections: number, millis: number): Promise<number> => {
  const client = join(import.meta.dirname, "loadClient.ts")
  const { stdout } = await timed(process.execPath, [client, url, token, String(connections), String(millis)])
  return Number(stdout)
}

/** Calls `holds` until it returns true, for at most 60 seconds. */
export const until = async (holds: () => Promise<boolean>, everyMillis = 10): Promise<void> => {
  const deadline = performance.now() + 60_000
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error("timed out after 60 seconds")
    await new Promise((resolve) => setTimeout(resolve, everyMillis))
  }
}

/** Runs a program and returns its run time and stdout. */
export const timed = async (
  command: string,
  args: ReadonlyArray<string>
): Promise<{ seconds: number; stdout: string }> => {
  const started = performance.now()
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], timeout })
  const chunks: Array<Buffer> = []
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${command} exited with ${code}`)
  return { seconds: (performance.now() - started) / 1000, stdout: Buffer.concat(chunks).toString() }
}

/** Memory of a process in MiB. */
export interface Memory {
  /** VmRSS. */
  readonly resident: number
  /** RssAnon: without mapped files. */
  readonly anonymous: number
  /** VmHWM: peak resident memory. */
  readonly peak: number
}

/** Current memory of a process. Zeros if it has ended. */
export const readMemory = (pid: number): Memory => {
  let status = ""
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1")
  } catch {
    // It has ended.
  }
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024
  return { resident: mib("VmRSS"), anonymous: mib("RssAnon"), peak: mib("VmHWM") }
}

/** Samples the memory of a process every 20 ms. `stop` returns the maximum of each kind. */
export const sampleMemory = (pid: number): { readonly stop: () => Memory } => {
  let most: Memory = { resident: 0, anonymous: 0, peak: 0 }
  const look = () => {
    const now = readMemory(pid)
    most = {
      resident: Math.max(most.resident, now.resident),
      anonymous: Math.max(most.anonymous, now.anonymous),
      peak: Math.max(most.peak, now.peak)
    }
  }
  look()
  const sampling = setInterval(look, 20)
  return {
    stop: () => {
      clearInterval(sampling)
      look()
      return most
    }
  }
}

/** Downloads a URL with curl to /dev/null. */
export const curl = async (url: string): Promise<{ readonly bytes: number; readonly seconds: number }> => {
  const { stdout } = await timed("curl", [
    // The certificate is verified between servers only.
    "-sSfk",
    "--max-time",
    "100",
    "--output",
    "/dev/null",
    "--write-out",
    "%{size_download} %{time_total}",
    "--header",
    `Authorization: Bearer ${token}`,
    url
  ])
  const [bytes, seconds] = stdout.split(" ").map(Number)
  return { bytes: bytes!, seconds: seconds! }
}
