/** Usage: probe.ts PROBE. Measures a server as a caller sees it (see clients.ts) until it receives a message. */
import { existsSync, renameSync } from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import { basename } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import type { Probe, ProbeResult } from "../clients.ts"

const probe = JSON.parse(process.argv[2]!) as Probe
const { Agent, get } = probe.url.startsWith("https:") ? https : http
const headers = probe.token === undefined ? {} : { authorization: `Bearer ${probe.token}` }
const millis: Array<number> = []
const statuses: Record<string, number> = {}
let bytes = 0
/** The longest time that a request can take. A longer one counts as failed. */
const timeout = 10_000

const open = (agent: http.Agent | false): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => {
    const sent = get(probe.url, { agent, headers, timeout }, resolve).on("error", reject)
    sent.on("timeout", () => sent.destroy(new Error("timeout")))
  })

const count = (status: number | string) => {
  statuses[status] = (statuses[status] ?? 0) + 1
}

/** When the request that has no answer yet was sent. */
let waitingSince: number | undefined

/** Sends requests, each on its own connection if the agent is false. Failures count with their time. */
const sendRequests = async (agent: http.Agent | false) => {
  for (;;) {
    const started = waitingSince = performance.now()
    let outcome: number | string
    try {
      const response = await open(agent)
      for await (const chunk of response) bytes += (chunk as Buffer).length
      outcome = response.statusCode!
    } catch (error) {
      outcome = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    }
    count(outcome)
    millis.push(performance.now() - started)
    waitingSince = undefined
    const wait = Math.max(outcome === 200 ? 0 : 50, (probe.everyMillis ?? 0) - (performance.now() - started))
    if (wait > 0) await setTimeout(wait)
  }
}

const state = { began: 0, isStopped: false }
const start = () => {
  state.began = performance.now()
  process.send!("started")
}

/** Moves core files in and out of the coredump directory, each one again when the event of its last change has arrived. */
const followChanges = async (files: ReadonlyArray<readonly [string, string]>) => {
  const movedAt = new Map<string, number>()
  const move = (outside: string, inside: string) => {
    if (state.isStopped) return
    const isInside = existsSync(inside)
    renameSync(isInside ? inside : outside, isInside ? outside : inside)
    movedAt.set(basename(inside), performance.now())
  }
  const onEvent = (id: string) => {
    const at = movedAt.get(id)
    const file = files.find(([, inside]) => basename(inside) === id)
    if (at === undefined || file === undefined) return
    movedAt.delete(id)
    const took = performance.now() - at
    millis.push(took)
    globalThis.setTimeout(() => move(...file), (probe.everyMillis ?? 0) - took)
  }
  const response = await open(false)
  count(response.statusCode!)
  for await (const line of createInterface(response)) {
    const { object, type } = JSON.parse(line) as { readonly type: string; readonly object: { readonly id: string } }
    if (type !== "BOOKMARK") onEvent(object.id)
    else if (state.began === 0) {
      start()
      for (const file of files) move(...file)
    }
  }
  count("broken")
}

process.once("disconnect", () => process.exit(0))
process.once("message", () => {
  // A short wait at the end says nothing. A long one is a request that hangs.
  if (waitingSince !== undefined && probe.kind !== "download" && performance.now() - waitingSince > 200) {
    count("unfinished")
    millis.push(performance.now() - waitingSince)
  }
  const result: ProbeResult = { millis, bytes, statuses, seconds: (performance.now() - state.began) / 1000 }
  state.isStopped = true
  for (const [outside, inside] of probe.files ?? []) if (existsSync(inside)) renameSync(inside, outside)
  process.send!(result, () => process.exit(0))
})
if (probe.files !== undefined) await followChanges(probe.files)
else {
  start()
  await sendRequests(probe.kind === "fresh" ? false : new Agent({ keepAlive: true, maxSockets: 1 }))
}
