/** How things stand with one node of a cluster: where its agent is, when it was heard of, what it holds. No I/O. */
import { formatTimestamp } from "../model/Core.ts"
import { NodeFailed, type NodeTimeout } from "../model/Problem.ts"
import type { CoreIndex } from "../source/CoreIndex.ts"
import type { CoreSource, NodeStatus } from "../source/CoreSource.ts"
import { type NodeCoreLimits, NodeCores } from "./NodeCores.ts"
import type { NodeAddress } from "./NodeDirectory.ts"
import { bounded } from "./toClusterProblem.ts"

const maxWarnings = 20
// Heartbeats come every 5 seconds.
const longestSilence = 15_000
const factsEvery = 60_000

/** What a node is given up with when nothing comes of it. */
export const silent = `The node has been silent for ${longestSilence / 1000} seconds.`

/** What only the node itself knows. */
type NodeFacts = Pick<NodeStatus, "warnings" | "corePattern" | "agentVersion">

const iso = (millis: number) => formatTimestamp(millis * 1000)!

/** See the module's text. */
export class ClusterNode {
  readonly name: string
  readonly cores: NodeCores
  /** Its source, while there is a connection. */
  source: CoreSource["Service"] | undefined
  /** Ends the connection because the node is silent. */
  giveUp = () => {}
  #waitingSince: number | undefined
  #factsDue = 0
  #address: NodeAddress
  #inDirectory = true
  /** Whether it was ready at another address, and nothing has come from this one yet. */
  #isMoving = false
  #state: NodeStatus["state"] = "syncing"
  #since: number
  #lastContact: number | undefined
  #failure: NodeFailed | NodeTimeout | undefined
  #facts: NodeFacts = {}
  #lacking: string | undefined
  #isAllShown = false

  constructor(index: CoreIndex, bounds: NodeCoreLimits, address: NodeAddress, now: number) {
    this.name = address.name
    this.cores = new NodeCores(index, address.name, bounds)
    this.#address = address
    this.#since = now
  }

  get address(): NodeAddress {
    return this.#address
  }

  get state(): NodeStatus["state"] {
    return this.#state
  }

  /** Whether the directory still has it. */
  get inDirectory(): boolean {
    return this.#inDirectory
  }

  /** Why nothing can be had of it; undefined unless it is unreachable. */
  get failure(): NodeFailed | NodeTimeout | undefined {
    return this.#state === "unreachable" ? this.#failure : undefined
  }

  /**
   * The directory tells where it is: true where that is news, and a connection has to begin. A node that was ready stays
   * so meanwhile, as in a roll-out, where a new agent takes over from one that still answers; all is known of it, and if
   * nothing comes from the new one, that is noticed as ever.
   */
  locate(address: NodeAddress, now: number): boolean {
    const same = address.address === this.#address.address && address.incarnation === this.#address.incarnation
    if (same && this.#inDirectory) return false
    if (!same) this.cores.expire()
    this.#address = address
    this.#inDirectory = true
    this.#isMoving = this.#state === "ready"
    if (!this.#isMoving) this.#enter("syncing", now)
    return true
  }

  /** The directory has it no more. */
  leave(now: number): void {
    this.#inDirectory = false
    this.failed(new NodeFailed({ node: this.name, detail: "There is no koredump agent on this node any more." }), now)
  }

  /** From now on it is the node's turn to tell something. */
  wait(now: number): void {
    this.#waitingSince = now
  }

  waitNoMore(): void {
    this.#waitingSince = undefined
  }

  /** Whether nothing has come of it for too long. */
  isSilent(now: number): boolean {
    return this.#waitingSince !== undefined && now - this.#waitingSince >= longestSilence
  }

  /** Since when it should be asked for what only it knows; undefined while it need not, or cannot. */
  factsDue(now: number): number | undefined {
    return this.#state === "ready" && now >= this.#factsDue ? this.#factsDue : undefined
  }

  /** It is being asked for that. */
  askedForFacts(now: number): void {
    this.#factsDue = now + factsEvery
  }

  /** Something has come, be it a heartbeat. */
  heard(now: number): void {
    this.#lastContact = now
    if (this.#state === "unreachable") this.#enter("syncing", now)
  }

  /** The index has all that the node has. True where it had not been so. */
  synced(now: number): boolean {
    this.#failure = undefined
    if (this.#state !== "ready" || this.#isMoving) {
      this.#factsDue = now
      this.#isAllShown = false
    }
    this.#isMoving = false
    return this.#enter("ready", now)
  }

  /** Everything has to be told again. */
  resync(now: number): void {
    if (this.#state === "ready" && !this.#isMoving) this.#enter("syncing", now)
  }

  /** The connection failed. True where it had not failed before. */
  failed(problem: NodeFailed | NodeTimeout, now: number): boolean {
    this.#failure = problem
    this.#isMoving = false
    return this.#enter("unreachable", now)
  }

  /** What of the node is not to be had though its watch is; undefined where nothing. True where all was before. */
  lacks(what: string | undefined): boolean {
    const isNews = what !== undefined && this.#lacking === undefined
    this.#lacking = what
    this.#isAllShown = what === undefined
    return isNews
  }

  /** Whether it is known that the node shows all of its cores; when that changes, its watch begins anew. */
  get isAllShown(): boolean {
    return this.#isAllShown
  }

  /** What the node says of itself. It is not trusted: bounded. */
  learn({ agentVersion, corePattern, warnings = [] }: NodeStatus): void {
    this.#facts = {
      ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, maxWarnings).map(bounded) }),
      ...(corePattern === undefined ? {} : { corePattern: bounded(corePattern) }),
      ...(agentVersion === undefined ? {} : { agentVersion: bounded(agentVersion) })
    }
  }

  get status(): NodeStatus {
    const { dropped } = this.cores
    const warnings = [
      ...this.#facts.warnings ?? [],
      ...(this.#lacking === undefined ? [] : [this.#lacking]),
      ...(dropped === 0
        ? []
        : [`${dropped} cores are not shown: what the node tells of them is too large or malformed`])
    ]
    return {
      name: this.name,
      address: this.#address.address,
      state: this.#state,
      since: iso(this.#since),
      ...(this.#lastContact === undefined ? {} : { lastContact: iso(this.#lastContact) }),
      cores: this.cores.count,
      bytes: this.cores.bytes,
      ...(this.#failure === undefined ? {} : { lastError: this.#failure.message }),
      ...this.#facts,
      ...(warnings.length === 0 ? {} : { warnings })
    }
  }

  #enter(state: NodeStatus["state"], now: number): boolean {
    if (this.#state === state) return false
    this.#state = state
    this.#since = now
    return true
  }
}
