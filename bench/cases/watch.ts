import { once } from "node:events"
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { type ClientRequest, get } from "node:http"
import { join } from "node:path"
import { startLineServer, startNode, temporaryDirectory, token, until } from "../support/processes.ts"
import { type Benchmark, figure, percentile } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost } from "../support/sampleCores.ts"

const watchers = 100

/** A watch that counts `ADDED` events and bytes, and optionally keeps the lines. */
class Watcher implements AsyncDisposable {
  added = 0
  bytes = 0
  ready = false
  readonly lines: Array<string> | undefined
  readonly #request: ClientRequest
  #rest = ""

  constructor(url: string, keep: boolean) {
    this.lines = keep ? [] : undefined
    this.#request = get(url, { agent: false, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.setEncoding("utf8").on("data", (text: string) => this.#onText(text)).on("error", () => {})
    }).on("error", () => {})
  }

  #onText(text: string): void {
    this.bytes += text.length
    const lines = (this.#rest + text).split("\n")
    this.#rest = lines.pop()!
    for (const line of lines) {
      if (line.startsWith(`{"type":"BOOKMARK"`)) this.ready = true
      if (!line.startsWith(`{"type":"ADDED"`)) continue
      this.added++
      this.lines?.push(line)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#request, "close")
    this.#request.destroy()
    await closed
  }
}

const watchAll = async (url: string): Promise<AsyncDisposableStack & { readonly all: ReadonlyArray<Watcher> }> => {
  const stack = new AsyncDisposableStack()
  const all = Array.from({ length: watchers }, (_, n) => stack.use(new Watcher(url, n === 0)))
  await until(() => Promise.resolve(all.every(({ ready }) => ready)))
  return Object.assign(stack, { all })
}

/** Latency from a new core file to all watches. */
export const watch: Benchmark = {
  name: "watch",
  about: "new cores sent to 100 watches; baseline: a minimal Node.js server that sends the same lines",
  run: async ({ quick }) => {
    const count = quick ? 200 : 1000
    const rates: Array<number> = []
    const bareRates: Array<number> = []
    const single: Array<number> = []
    let bytes = 0
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      using host = temporaryDirectory()
      makeHost(host.path)
      const staging = join(host.path, "staging")
      mkdirSync(staging)
      for (let n = 0; n < count + 100; n++) writeFileSync(join(staging, coreName(n)), "core", { mode: 0o640 })
      const appear = (n: number) => renameSync(join(staging, coreName(n)), join(coredumpDir(host.path), coreName(n)))
      await using node = await startNode(host.path)
      const headers = { authorization: `Bearer ${token}` }
      await until(async () => (await fetch(`${node.url}/apiv1/cores`, { headers })).ok)
      await using watching = await watchAll(`${node.url}/apiv1/watch?state=any`)
      const all = (seen: number) => () => Promise.resolve(watching.all.every(({ added }) => added >= seen))
      const started = performance.now()
      for (let n = 0; n < count; n++) appear(n)
      await until(all(count), 1)
      rates.push(count / (performance.now() - started) * 1000)
      const lines = watching.all[0]!.lines!
      if (new Set(lines).size !== count) throw new Error(`received only ${new Set(lines).size} of ${count} changes`)
      bytes = lines.join("\n").length / count
      const sent = join(host.path, "lines")
      writeFileSync(sent, `${lines.join("\n")}\n`)
      if (round === 0) {
        for (let n = count; n < count + 100; n++) {
          const one = performance.now()
          appear(n)
          await until(all(n + 1), 0)
          single.push(performance.now() - one)
        }
      }
      rmSync(staging, { recursive: true })
      await watching.disposeAsync()
      await using bare = await startLineServer(sent)
      await using receiving = await watchAll(bare.url)
      const bareStarted = performance.now()
      bare.go()
      await until(() => Promise.resolve(receiving.all.every(({ added }) => added >= count)), 1)
      bareRates.push(count / (performance.now() - bareStarted) * 1000)
    }
    return [
      figure(`${count} changes to ${watchers} watches`, "changes/s", rates, {
        baseline: { name: "minimal server", rounds: bareRates }
      }),
      figure("one change to all watches, median", "ms", [percentile(single, 0.5)]),
      figure("one change to all watches, p99", "ms", [percentile(single, 0.99)], {
        target: { text: "under 200 ms", meets: ({ median }) => median < 200 }
      }),
      figure("bytes of a change", "B", [bytes])
    ]
  }
}
