/** The program as a process: log, shutdown, sockets, tokens. */
import { assert, describe, it } from "@effect/vitest"
import { stat, writeFile } from "node:fs/promises"
import { Agent, get, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { core, makeHost, run, size, start } from "./program.ts"

const startLocal = (root: string, ...args: ReadonlyArray<string>) =>
  start("local", "--root", root, "--node-name", "n1", "--listen", "127.0.0.1:0", ...args)

/** Follows the watch up to its first core: then the server knows it. */
const watchCore = async (address: string) => {
  for (;;) {
    const response = await fetch(`${address}/apiv1/watch`)
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    if (response.ok && new TextDecoder().decode(value).includes(core)) return reader
    await reader.cancel()
  }
}

/** Begins a download and leaves it there. */
const begin = (address: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    get(`${address}/apiv1/cores/download/${core}`, { agent: new Agent({ keepAlive: true }) }, resolve).on(
      "error",
      reject
    )
  })

const bytesOf = async (response: IncomingMessage) => {
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  return bytes
}

/** Whether somebody new is let in. */
const getsIn = (address: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(new URL(address).port), "127.0.0.1")
    socket.once("error", () => resolve(false)).once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })

describe("shutdown", () => {
  it("SIGTERM: watches end, nobody gets in, a running download ends whole, exit code 0", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root, "--ops-listen", "127.0.0.1:0")
    const watch = await watchCore(server.address)
    const download = await begin(server.address)
    server.child.kill("SIGTERM")
    while (!(await watch.read()).done);
    // At once after that: watches end so that the rest can.
    while (await getsIn(server.address));
    const ops = /Probes and metrics at (http:[^"]+)/.exec(server.log.join())![1]!
    assert.strictEqual((await fetch(`${ops}/livez`)).status, 200)
    const before = performance.now()
    assert.strictEqual(await bytesOf(download), size)
    assert.strictEqual(await server.ended, 0)
    // Its connection is not waited for, though the client would keep it.
    assert.isBelow(performance.now() - before, 3000)
  })

  it("a download that outlasts the grace period is broken off; exit code 0", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root, "--grace-period", "100ms")
    await (await watchCore(server.address)).cancel()
    const download = await begin(server.address)
    server.child.kill("SIGINT")
    assert.strictEqual(await server.ended, 0)
    await bytesOf(download).then(() => assert.fail("a clean end"), () => {})
  })

  it("a second signal ends it at once", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root, "--grace-period", "10m")
    const watch = await watchCore(server.address)
    const download = await begin(server.address)
    download.on("error", () => {})
    server.child.kill("SIGTERM")
    while (!(await watch.read()).done);
    server.child.kill("SIGTERM")
    assert.strictEqual(await server.ended, 143)
  })
})

describe("the log", () => {
  it("begins with the address, and has a line for each request, without its query", async () => {
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

describe("a log that nobody reads any more", () => {
  it("ends no server", async () => {
    await using host = await makeHost()
    await using server = await startLocal(host.root)
    server.child.stdout!.destroy()
    for (let i = 0; i < 3; i++) assert.strictEqual((await fetch(`${server.address}/health`)).status, 200)
    server.child.kill("SIGTERM")
    assert.strictEqual(await server.ended, 0)
  })
})

describe("local over a Unix socket", () => {
  it("is for its own user alone, and stands in for one that was killed", async () => {
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
    assert.match(third.said, /^koredump-server: it cannot listen: .*EADDRINUSE/)
  })
})

describe("without tokens", () => {
  it.each(
    [
      ["local", [], 403],
      ["node", ["--auth", "none", "--ops-listen", "127.0.0.1:0"], 403],
      ["node", ["--auth", "none", "--ops-listen", "127.0.0.1:0", "--insecure-no-auth"], 200]
    ] as const
  )("%s %j: a page that was made to resolve to this host gets %i", async (mode, args, status) => {
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
  it("answers its tokens alone, and the log names their users, never the tokens", async () => {
    await using host = await makeHost()
    const tokenFile = join(host.root, "tokens")
    await writeFile(tokenFile, "secret-token,ann,,ops\n")
    const args = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--token-file", tokenFile]
    await using server = await start("node", "--root", host.root, "--auth", "token-file", ...args)
    const get = async (path: string, token?: string, base = server.address) => {
      const response = await fetch(`${base}${path}`, token === undefined ? {} : { headers: { authorization: token } })
      return [response.status, await response.text()] as const
    }
    let ops: string | undefined
    while (ops === undefined) {
      assert.strictEqual((await get("/health"))[0], 200)
      ops = /Probes and metrics at ([^"]+)/.exec(server.log.join("\n"))?.[1]
    }
    assert.strictEqual((await get("/livez", undefined, ops))[0], 200)
    while ((await get("/readyz", undefined, ops))[0] !== 200);
    assert.match((await get("/readyz", undefined, ops))[1], /Journal not found: neither /)

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
    assert.lengthOf(server.log.filter((line) => line.includes("\"user\":\"ann\"")), 1)
  })
})

describe("an address that is taken", () => {
  it.each(["--listen", "--ops-listen"])("%s: exit code 1 and a sentence", async (flag) => {
    await using host = await makeHost()
    await using server = await startLocal(host.root)
    const address = server.address.replace("http://", "")
    const free = flag === "--listen" ? [] : ["--listen", "127.0.0.1:0"]
    const { said, status } = run(["local", "--root", host.root, ...free, flag, address])
    assert.match(said, new RegExp(`^koredump-server: it cannot listen: .*EADDRINUSE.*${address}$`, "m"))
    assert.strictEqual(status, 1)
  })
})

describe("a Node that is too old", () => {
  it("is told so in a sentence, exit code 1", () => {
    const old = "--import=data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})"
    assert.deepStrictEqual(run(["local"], { NODE_OPTIONS: old }), {
      status: 1,
      said: "koredump-server needs Node 22.19 or newer; this is 20.20.2.\n"
    })
  })
})
