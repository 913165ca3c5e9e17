/** Shutdown and restart of servers, and watches during a restart. */
import { assert, it } from "@effect/vitest"
import { createKoredump } from "@koredump/client"
import { createHash } from "node:crypto"
import { sha256File } from "./support/Files.ts"
import { download, list, request, unversioned } from "./support/Http.ts"
import { largeCore } from "./support/largeCore.ts"
import { coreFile, crash } from "./support/Pipeline.ts"
import { startServer } from "./support/Server.ts"
import { Watch } from "./support/Watch.ts"

it("a restarted server lists the same cores, and old resource versions are expired", async () => {
  await using first = await startServer("local")
  await using watch = await Watch.open(first)
  for (const args of [["deep"], ["rlimit0"], ["pod"]]) {
    await watch.core(await crash(...args), ["present", "missing"])
  }
  const response = await request(first, "/apiv1/cores?state=any")
  const version = response.headers.get("koredump-resource-version")
  assert.isString(version)
  const before = await response.json() as Awaited<ReturnType<typeof list>>
  assert.strictEqual(await first.stop(), 0)

  await using second = await startServer("local", [], { port: first.port })
  await using _ready = await Watch.open(second)
  assert.deepStrictEqual((await list(second, "state=any")).map(unversioned), before.map(unversioned))
  const expired = await request(second, `/apiv1/watch?resourceVersion=${encodeURIComponent(version!)}`)
  assert.strictEqual(expired.status, 410)
  assert.strictEqual(expired.headers.get("content-type"), "application/problem+json")
  assert.include(await expired.json(), { type: "https://koredump.dev/problems/resource-version-expired", status: 410 })
})

it("a watch of the client continues after a restart, with only the changes", async () => {
  await using first = await startServer("local")
  await using koredump = createKoredump({ url: first.url })
  const abort = new AbortController()
  const seen: Array<readonly [string, number]> = []
  const waiting = new Set<() => void>()
  const reading = (async () => {
    for await (const { type, object } of koredump.watch({ state: "any" }, { signal: abort.signal })) {
      if (type !== "BOOKMARK") seen.push([type, object.COREDUMP_PID ?? 0])
      for (const wake of waiting) wake()
    }
  })().catch(() => {})
  const until = (pid: number) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (seen.some((event) => event[1] === pid)) resolve()
      }
      waiting.add(check)
      check()
      AbortSignal.timeout(45_000).addEventListener("abort", () =>
        reject(new Error(`no event for PID ${pid}: ${JSON.stringify(seen.slice(-5))}`)))
    })
  await until(await crash("deep"))
  await first.stop("SIGKILL")
  const before = seen.length
  const pid = await crash("abort")
  await coreFile(pid)
  await using _second = await startServer("local", [], { port: first.port })
  await until(pid)
  abort.abort()
  await reading
  // The first crash can change again because its journal entry arrived meanwhile. Other cores must not appear again.
  const again = seen.slice(before).filter(([type, other]) => type === "ADDED" && other !== pid)
  assert.deepStrictEqual(again, [])
})

it("on SIGTERM, watches end at once, a running download completes, and the exit code is 0", async () => {
  await using large = await largeCore()
  await using server = await startServer("local")
  await using watch = await Watch.open(server)
  const core = await watch.core(large.pid)
  const reader = (await download(server, core)).getReader()
  const hash = createHash("sha256").update((await reader.read()).value!)
  const exit = server.stop()
  await watch.ended
  await request(server, "/health").then(() => assert.fail("still accepts requests"), () => {})
  for (let part = await reader.read(); !part.done; part = await reader.read()) hash.update(part.value)
  assert.strictEqual(hash.digest("hex"), await sha256File(large.file))
  assert.strictEqual(await exit, 0)
})
