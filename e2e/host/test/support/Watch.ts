/** Reads `GET /apiv1/watch` and records when each event arrived. */
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { request, type WireCore } from "./Http.ts"
import type { Server } from "./Server.ts"

/** The current time in milliseconds since 1970, with a fraction. */
export const now = (): number => performance.timeOrigin + performance.now()

export interface Seen {
  readonly at: number
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR"
  readonly object: WireCore
}

/** A watch. It keeps all events, so you can wait for an event that has already arrived. */
export class Watch implements AsyncDisposable {
  readonly events: Array<Seen> = []
  /** Resolves when the server or an error ends the stream. */
  readonly ended: Promise<void>
  readonly #abort: AbortController
  readonly #waiting = new Set<() => void>()

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort
    this.ended = this.#read(response).catch(() => {})
  }

  async #read(response: Response): Promise<void> {
    for await (const line of createInterface(Readable.fromWeb(response.body!))) {
      if (line === "") continue
      this.events.push({ at: now(), ...JSON.parse(line) as Omit<Seen, "at"> })
      for (const wake of this.#waiting) wake()
    }
  }

  /** Opens a watch and waits until the replay is complete. */
  static async open(server: Server, query = "state=any"): Promise<Watch> {
    const abort = new AbortController()
    const response = await request(server, `/apiv1/watch?${query}`, { signal: abort.signal })
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
    const watch = new Watch(response, abort)
    if (!query.includes("resourceVersion=")) await watch.find(({ type }) => type === "BOOKMARK", "the first BOOKMARK")
    return watch
  }

  /** The first matching event, past or future. */
  async find(fits: (event: Seen) => boolean, what: string, millis = 20_000): Promise<Seen> {
    const timeout = AbortSignal.timeout(millis)
    for (;;) {
      const found = this.events.find(fits)
      if (found !== undefined) return found
      await new Promise<void>((resolve, reject) => {
        const done = () => {
          this.#waiting.delete(done)
          resolve()
        }
        this.#waiting.add(done)
        timeout.addEventListener(
          "abort",
          () =>
            reject(
              new Error(`no event within ${millis} ms: ${what}. Last events: ${JSON.stringify(this.events.slice(-3))}`)
            )
        )
      })
    }
  }

  /** Waits until the core of a crash is in one of the states. Default: `present`, with the fields of its journal entry. */
  async core(pid: number, states: ReadonlyArray<WireCore["state"]> = ["present"], millis?: number): Promise<WireCore> {
    const { object } = await this.find(
      ({ type, object }) =>
        (type === "ADDED" || type === "MODIFIED") && object.COREDUMP_PID === pid && states.includes(object.state),
      `pid ${pid} ${states.join(" or ")}`,
      millis
    )
    return object
  }

  /** The events of a core, as types and states. Matches by ID, because PIDs are reused. */
  history({ id }: WireCore): ReadonlyArray<string> {
    return this.events.filter(({ object }) => object.id === id).map(({ type, object }) => `${type} ${object.state}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.ended
  }
}
