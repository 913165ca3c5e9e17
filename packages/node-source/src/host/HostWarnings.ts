import { makeFailureLog } from "@koredump/core"
import { type Cause, Effect } from "effect"

/** Receives failures that last for a while. The functions are called on the event loop and must return quickly. */
export interface FailureListener {
  /** Called for each failed attempt, with a reason such as `permission denied`. */
  readonly onFailed: (reason: string) => void
  /** Called when an attempt succeeds. */
  readonly onRecovered: () => void
}

/** A part of the host that can fail while the others work. */
type HostPart = "journal" | "directory" | "state" | "cores"

/** A core file that is not readable, as an example for all of them. */
export interface UnreadableCore {
  readonly id: string
  readonly reason: string
}

/** Options of {@link HostWarnings}. */
interface HostWarningsOptions {
  readonly coredumpDir: string
  readonly stateDir: string | undefined
  /** Runs a log effect without waiting for it. */
  readonly run: (log: Effect.Effect<void>) => void
}

/** The reason, and what to do if permissions are the cause. */
const withAdvice = (reason: string, advice: string): string =>
  /permission ?denied$|insufficient permissions$/i.test(reason) ? `${reason}. ${advice}` : `${reason}.`

/** The parts of the host that do not work at present, as sentences for operators. Each failure is logged once. */
export class HostWarnings {
  readonly #options: HostWarningsOptions
  readonly #warnings = new Map<HostPart, string>()
  readonly #logs = {
    journal: makeFailureLog({ failed: "Journal not readable" }),
    directory: makeFailureLog({ failed: "Coredump directory watch failed" }),
    state: makeFailureLog({ failed: "State directory not writable" }),
    cores: makeFailureLog({ failed: "Core file not readable" })
  }

  /** Receives the failures of the journal. */
  readonly journal: FailureListener
  /** Receives the failures of the coredump directory. */
  readonly directory: FailureListener
  /** Receives the failures of the state directory. */
  readonly state: FailureListener

  constructor(options: HostWarningsOptions) {
    this.#options = options
    const { coredumpDir, stateDir } = options
    this.journal = this.#listener(
      "journal",
      {},
      (reason) =>
        `Journal not readable: ${withAdvice(reason, "Run the server as a user in the group systemd-journal.")}`
    )
    this.directory = this.#listener(
      "directory",
      { path: coredumpDir },
      (reason) =>
        `Coredump directory ${coredumpDir} not watchable: ${
          withAdvice(reason, "Run the server as a user who can read and search the directory.")
        }`
    )
    this.state = this.#listener(
      "state",
      { path: stateDir },
      (reason) =>
        `State directory ${stateDir} not writable: ${reason}. Pod identities are lost when the server restarts. ` +
        "Check the permissions and the free space of the directory."
    )
  }

  /** All current warnings. */
  get sentences(): ReadonlyArray<string> {
    return [...this.#warnings.values()]
  }

  /** Whether a part of the host does not work at present. */
  hasFailed(part: HostPart): boolean {
    return this.#warnings.has(part)
  }

  /** Sets the example of a core file that is not readable. Undefined: all files are readable. */
  setUnreadableCore(core: UnreadableCore | undefined): void {
    if (core === undefined) return this.#recover("cores")
    const { id, reason } = core
    this.#fail(
      "cores",
      { id },
      reason,
      `Some core files are not readable, for example ${id}: ${reason}. ` +
        "Run as a user who can read them; in the chart, set node.dacReadSearch to true."
    )
  }

  /** Logs that the reader of this part stopped with an internal error. The warning stays until the server restarts. */
  logStopped(part: "journal" | "directory", cause: Cause.Cause<unknown>): Effect.Effect<void> {
    const what = part === "journal" ? "Journal reader" : "Coredump directory watch"
    this.#warnings.set(part, `${what} stopped: internal error, see the log. Restart the server.`)
    return part === "journal"
      ? Effect.logFatal("Journal reader stopped: internal error", cause)
      : Effect.logFatal("Coredump directory watch stopped: internal error", cause)
  }

  #listener(
    part: "journal" | "directory" | "state",
    annotations: Readonly<Record<string, unknown>>,
    toSentence: (reason: string) => string
  ): FailureListener {
    return {
      onFailed: (reason) => this.#fail(part, annotations, reason, toSentence(reason)),
      onRecovered: () => this.#recover(part)
    }
  }

  #fail(part: HostPart, annotations: Readonly<Record<string, unknown>>, reason: string, sentence: string): void {
    if (this.#warnings.get(part) === sentence) return
    this.#warnings.set(part, sentence)
    this.#options.run(Effect.annotateLogs(this.#logs[part].failed(reason), annotations))
  }

  #recover(part: HostPart): void {
    if (!this.#warnings.delete(part)) return
    this.#options.run(this.#logs[part].recovered)
  }
}
