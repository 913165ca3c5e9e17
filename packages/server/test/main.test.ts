/** The program in its own process: log, shutdown, sockets, tokens. */
import { assert, describe, it } from "@effect/vitest"
import { stat, writeFile } from "node:fs/promises"
import { Agent, get, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { core, makeHost, run, size, start } from "./support/program.ts"

const startLocal = (root: string, ...args: ReadonlyArray<string>) =>
  start("local", "--root", root, "--node-name", "n1", "--listen", "127.0.0.1:0", ...args)

/** Waits until the server lists the core, and returns the watch. */
const watchCore = async (address: string) => {
  for (;;) {
    const response = await fetch(`${address}/apiv1/watch`)
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    if (response.ok && new TextDecoder().decode(value).includes(core)) return reader
    await reader.cancel()
  }
}

/** Starts a download without reading its body. */
const startDownload = (address: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    get(`${address}/apiv1/cores/download/${core}`, { agent: new Agent({ keepAlive: true }) }, resolve).on(
      "error",
      reject
    )
  })

const countBytes = async (response: IncomingMessage) => {
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  return bytes
}

/** Whether the server accepts a new connection. */
const canConnect = (address: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(new URL(address).port), "127.0.0.1")
    socket.once("error", () => resolve(false)).once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })

describe("shutdown", () => {
  it("ends watches, accepts no connections, completes a running download, and exits with 0", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root, "--ops-listen", "127.0.0.1:0")
    const watch = await watchCore(server.address)
    const download = await startDownload(server.address)
    server.child.kill("SIGTERM")
    while (!(await watch.read()).done);
    while (await canConnect(server.address));
    const ops = await server.opsAddress()
    assert.strictEqual((await fetch(`${ops}/livez`)).status, 200)
    assert.strictEqual(await countBytes(download), size)
    const before = performance.now()
    assert.strictEqual(await server.ended, 0)
    // The server does not wait for the keep-alive connection.
    assert.isBelow(performance.now() - before, 3000)
  })

  it("aborts a download after the grace period, and exits with 0", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root, "--grace-period", "100ms")
    await (await watchCore(server.address)).cancel()
    const download = await startDownload(server.address)
    server.child.kill("SIGINT")
    assert.strictEqual(await server.ended, 0)
    await countBytes(download).then(() => assert.fail("the download is complete"), () => {})
  })

  it("stops at once on a second signal", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root, "--grace-period", "10m")
    const watch = await watchCore(server.address)
    const download = await startDownload(server.address)
    download.on("error", () => {})
    server.child.kill("SIGTERM")
    while (!(await watch.read()).done);
    server.child.kill("SIGTERM")
    assert.strictEqual(await server.ended, 143)
  })
})

describe("the log", () => {
  it("starts with the address, and has an entry for each request, without its query", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root)
    await (await watchCore(server.address)).cancel()
    await fetch(`${server.address}/apiv1/cores?q=large`, { headers: { "x-request-id": "my-id" } }).then((_) => _.text())
    server.child.kill("SIGTERM")
    await server.ended
    assert.match(server.address, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    assert.include(server.log[0], server.address)
    assert.notInclude(server.log.join("\n"), "q=large")
    const line = server.log.map((line) => JSON.parse(line) as { message: string; annotations: Record<string, unknown> })
      .find(({ annotations }) => annotations["request_id"] === "my-id")
    assert.include(line?.annotations, { method: "GET", path: "/apiv1/cores", status: 200 })
    assert.isAbove(line?.annotations["bytes"] as number, 100)
    assert.isAtLeast(line?.annotations["ms"] as number, 0)
  })
})

describe("a server that is killed", () => {
  it("has logged who was downloading", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root)
    await (await watchCore(server.address)).cancel()
    const download = await startDownload(server.address)
    download.on("error", () => {})
    server.child.kill("SIGKILL")
    await server.ended
    const audits = server.log.map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ message }) => message === "audit").map(({ annotations }) => annotations)
    assert.lengthOf(audits, 1)
    assert.include(audits[0], { event: "start", action: "download", user: "local", id: core, remote: "127.0.0.1" })
  })
})

describe("a log without a reader", () => {
  it("does not stop the server", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root)
    server.child.stdout!.destroy()
    for (let i = 0; i < 3; i++) assert.strictEqual((await fetch(`${server.address}/health`)).status, 200)
    server.child.kill("SIGTERM")
    assert.strictEqual(await server.ended, 0)
  })
})

describe("local over a Unix socket", () => {
  it("is accessible only to the user of the server, and replaces the socket of a killed server", async () => {
    await using host = await makeHost()
    const socketPath = join(host.root, "koredump.sock")
    const args = ["local", "--root", host.root, "--listen", `unix:${socketPath}`]
    await using first = await start(...args)
    assert.strictEqual((await stat(socketPath)).mode & 0o777, 0o600)
    await first[Symbol.asyncDispose]()
    await using _second = await start(...args)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ socketPath, path: "/health", headers: { host: "koredump" } }, resolve).on("error", reject)
    })
    assert.strictEqual(response.statusCode, 200)
    response.resume()
    const third = run(args)
    assert.strictEqual(third.status, 1)
    assert.strictEqual(
      third.output,
      `koredump-server: cannot listen on ${socketPath}: address already in use. ` +
        "Choose another address with --listen or --ops-listen.\n"
    )
  })
})

describe("without tokens", () => {
  it.each(
    [
      ["local", [], 403],
      ["node", ["--auth", "none", "--ops-listen", "127.0.0.1:0"], 403],
      ["node", ["--auth", "none", "--ops-listen", "127.0.0.1:0", "--insecure-no-auth"], 200]
    ] as const
  )("%s %j: answers a page of another site that resolves to this host with %i", async (mode, args, status) => {
    await using host = await makeHost()
    await using server = await start(mode, "--root", host.root, "--listen", "127.0.0.1:0", ...args)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.address}/health`, { headers: { host: "evil.example" } }, resolve).on("error", reject)
    })
    response.resume()
    assert.strictEqual(response.statusCode, status)
  })
})

describe("node with a token file", () => {
  it("accepts only its tokens, and logs their users but never the tokens", async () => {
    await using host = await makeHost()
    const tokenFile = join(host.root, "tokens")
    await writeFile(tokenFile, "secret-token,ann,,ops\n")
    const args = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--token-file", tokenFile]
    await using server = await start("node", "--root", host.root, "--auth", "token-file", ...args)
    const get = async (path: string, token?: string, base = server.address) => {
      const response = await fetch(`${base}${path}`, token === undefined ? {} : { headers: { authorization: token } })
      return [response.status, await response.text()] as const
    }
    assert.strictEqual((await get("/health"))[0], 200)
    const ops = await server.opsAddress()
    assert.strictEqual((await get("/livez", undefined, ops))[0], 200)
    while ((await get("/readyz", undefined, ops))[0] !== 200);
    assert.match((await get("/readyz", undefined, ops))[1], /^warning: The host has 1 problem\./m)
    const nodes = await get("/apiv1/nodes", "Bearer secret-token")
    assert.match(nodes[1], /Journal not found: neither /)

    const cores = `/apiv1/cores?limit=1`
    const statuses = [await get(cores), await get(cores, "Bearer secret"), await get(cores, "Bearer secret-token")]
    assert.deepStrictEqual(statuses.map(([status]) => status), [401, 401, 200])
    let metrics = ""
    while (!/^koredump_cores\{state="pending"\} 1$/m.test(metrics)) {
      metrics = (await get("/metrics", undefined, ops))[1]
    }
    for (const name of metrics.matchAll(/^\w+/gm)) assert.match(String(name), /^koredump_(?!koredump)/)

    server.child.kill("SIGTERM")
    assert.strictEqual(await server.ended, 0)
    assert.notInclude(server.log.join("\n"), "secret")
    assert.lengthOf(server.log.filter((line) => line.includes("\"user\":\"ann\"")), 2)
  })
})

describe("an address in use", () => {
  it.each(["--listen", "--ops-listen"])("%s: prints a sentence and exits with 1", async (flag) => {
    await using host = await makeHost()
    await using server = await startLocal(host.root)
    const address = server.address.replace("http://", "")
    const free = flag === "--listen" ? [] : ["--listen", "127.0.0.1:0"]
    const { output, status } = run(["local", "--root", host.root, ...free, flag, address])
    assert.include(output, `koredump-server: cannot listen on ${address}: address already in use. Choose another`)
    assert.strictEqual(status, 1)
  })
})

describe("an old version of Node.js", () => {
  it("is reported in a sentence, with exit code 1", () => {
    const old = "--import=data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})"
    assert.deepStrictEqual(run(["local"], { NODE_OPTIONS: old }), {
      status: 1,
      output:
        "koredump-server requires Node.js 22.19 or newer, but this is Node.js 20.20.2. In a clone, run it with npx.\n"
    })
  })
})
