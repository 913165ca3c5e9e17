/** Watches with curl, `koredumpctl list -w` and `@koredump/client` at the same time, and records when events arrive. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { now } from "../../../host/test/support/Watch.ts"
import { eventually } from "./Kube.ts"
import { programs } from "./Program.ts"
import { type As, client } from "./verify.ts"

interface ReceivedEvent {
  readonly at: number
  readonly type: string
  /** ID of the core. A BOOKMARK has none. */
  readonly id: string | undefined
}

interface Event {
  readonly type: string
  readonly object: { readonly id?: string; readonly resourceVersion: string }
}

const received = ({ object, type }: Event): ReceivedEvent => ({ at: now(), type, id: object.id })

const ways = ["curl", "koredumpctl", "client"] as const
type Way = typeof ways[number]

/** Three watches of one user. */
export class Watching implements AsyncDisposable {
  readonly events: Readonly<Record<Way, Array<ReceivedEvent>>> = { curl: [], koredumpctl: [], client: [] }
  readonly #children: ReadonlyArray<ChildProcess>
  readonly #abort = new AbortController()
  readonly #client: Promise<void>

  constructor(as: As) {
    const header = `Authorization: Bearer ${as.token}`
    const { ctl, node } = programs
    this.#children = [
      this.#run("curl", ["curl", "-sSN", "-H", header, `${as.url}/apiv1/watch`]),
      this.#run("koredumpctl", [node, ctl, "list", "-w", "-o", "ndjson", "--server", as.url, "--token", as.token])
    ]
    this.#client = this.#watch(as)
  }

  #run(way: Way, [command, ...args]: readonly [string, ...Array<string>]): ChildProcess {
    const child = spawn("setpriv", ["--pdeathsig=KILL", "--", command, ...args], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    createInterface(child.stdout).on("line", (line) => {
      if (line !== "") this.events[way].push(received(JSON.parse(line) as Event))
    })
    return child
  }

  async #watch(as: As): Promise<void> {
    await using koredump = client(as)
    try {
      for await (const event of koredump.watch({}, { signal: this.#abort.signal })) {
        this.events.client.push(received(event))
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error
    }
  }

  /** Waits until all three watches have reported an event of a core since `from`. Returns the time of the last one. */
  async find(type: string, id: string, from: Readonly<Record<Way, number>> = { curl: 0, koredumpctl: 0, client: 0 }) {
    const found = await Promise.all(
      ways.map((way) =>
        eventually(
          `${way}: ${type} ${id}`,
          async () => this.events[way].slice(from[way]).find((event) => event.type === type && event.id === id)
        )
      )
    )
    return Math.max(...found.map(({ at }) => at))
  }

  /** The number of events of each watch so far. */
  mark(): Readonly<Record<Way, number>> {
    const { client, curl, koredumpctl } = this.events
    return { curl: curl.length, koredumpctl: koredumpctl.length, client: client.length }
  }

  /** The cores in events of each watch since then. */
  since(mark: Readonly<Record<Way, number>>): ReadonlyArray<ReadonlyArray<string>> {
    return ways.map((way) => this.events[way].slice(mark[way]).flatMap(({ id }) => id ?? []))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.#client
    await Promise.all(this.#children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill()
      await once(child, "exit")
    }))
  }
}
