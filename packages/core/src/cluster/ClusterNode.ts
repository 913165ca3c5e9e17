import { Duration } from "effect"
import { formatTimestamp } from "../model/Core.ts"
import { NodeFailed, type NodeTimeout } from "../model/Problem.ts"
import type { CoreIndex } from "../source/CoreIndex.ts"
import { type CoreSource, heartbeatTimeout, type NodeStatus } from "../source/CoreSource.ts"
import { type NodeCoreLimits, NodeCores } from "./NodeCores.ts"
import type { NodeAddress } from "./NodeDirectory.ts"
import { limitText } from "./toClusterProblem.ts"

const maxWarnings = 20
const statusInterval = Duration.toMillis("1 minute")
const silenceTimeout = Duration.toMillis(heartbeatTimeout)

/** The part of a node's status that only the node itself has. */
type ReportedStatus = Pick<NodeStatus, "warnings" | "corePattern" | "agentVersion">

/** Whether two addresses lead to the same node agent. */
export const isSameAgent = (a: NodeAddress, b: NodeAddress): boolean =>
  a.address === b.address && a.incarnation === b.incarnation

const toTimestamp = (millis: number) => formatTimestamp(millis * 1000)!

/** State of one node of a cluster: the address of its node agent, the last contact, its cores. No I/O. */
export class ClusterNode {
  readonly name: string
  readonly cores: NodeCores
  /** The source of the node's cores, while there is a connection. */
  source: CoreSource["Service"] | undefined
  /** Ends the connection, because the node sends nothing. */
  disconnect = () => {}
  #address: NodeAddress
  #isInDirectory = true
  /** Whether the node was ready at another address, and has sent nothing from the new one yet. */
  #isMoving = false
  #state: NodeStatus["state"] = "syncing"
  #since: number
  #lastContact: number | undefined
  /** When the server started to wait for the next event. Undefined if it does not wait. */
  #waitingSince: number | undefined
  #failure: NodeFailed | NodeTimeout | undefined
  #statusDueAt = 0
  #reported: ReportedStatus = {}
  #degradedReason: string | undefined
  #showsAllCores = false

  constructor(index: CoreIndex, limits: NodeCoreLimits, address: NodeAddress, now: number) {
    this.name = address.name
    this.cores = new NodeCores(index, address.name, limits)
    this.#address = address
    this.#since = now
  }

  get address(): NodeAddress {
    return this.#address
  }

  get state(): NodeStatus["state"] {
    return this.#state
  }

  /** Whether the node is in the node directory. */
  get isInDirectory(): boolean {
    return this.#isInDirectory
  }

  /** Why requests to the node fail. Undefined unless the node is unreachable. */
  get failure(): NodeFailed | NodeTimeout | undefined {
    return this.#state === "unreachable" ? this.#failure : undefined
  }

  /**
   * Sets the address, because a connection to it starts. A node that was ready stays ready meanwhile: in a rollout, the
   * new node agent starts before the old one ends. If the new one sends nothing, the node becomes unreachable as usual.
   */
  updateAddress(address: NodeAddress, now: number): void {
    if (!isSameAgent(address, this.#address)) this.cores.expireVersion()
    this.#address = address
    this.#isInDirectory = true
    this.#isMoving = this.#state === "ready"
    if (!this.#isMoving) this.#enter("syncing", now)
  }

  /** The node left the node directory. */
  markRemoved(now: number): void {
    this.#isInDirectory = false
    this.markUnreachable(new NodeFailed({ node: this.name, detail: "The node agent on this node is gone." }), now)
  }

  /** The server starts to wait for the next event. */
  startWaiting(now: number): void {
    this.#waitingSince = now
  }

  /** The server stops waiting: it handles events, or there is no connection. */
  stopWaiting(): void {
    this.#waitingSince = undefined
  }

  /** Whether the node has sent nothing for too long. */
  isTimedOut(now: number): boolean {
    return this.#waitingSince !== undefined && now - this.#waitingSince >= silenceTimeout
  }

  /** When the next status request was due. Undefined before it is due, or if the node is not ready. */
  statusDueSince(now: number): number | undefined {
    return this.#state === "ready" && now >= this.#statusDueAt ? this.#statusDueAt : undefined
  }

  /** The next status request is due in a minute. */
  onStatusRequested(now: number): void {
    this.#statusDueAt = now + statusInterval
  }

  /** The node has sent an event, such as a heartbeat. */
  onContact(now: number): void {
    this.#lastContact = now
    if (this.#state === "unreachable") this.#enter("syncing", now)
  }

  /** The index has all cores of the node. Returns whether the node was not ready before. */
  markReady(now: number): boolean {
    this.#failure = undefined
    if (this.#state !== "ready" || this.#isMoving) {
      this.#statusDueAt = now
      this.#showsAllCores = false
    }
    this.#isMoving = false
    return this.#enter("ready", now)
  }

  /** The node needs a full replay. */
  markSyncing(now: number): void {
    if (this.#state === "ready" && !this.#isMoving) this.#enter("syncing", now)
  }

  /** The connection failed. Returns whether the node was not unreachable before. */
  markUnreachable(problem: NodeFailed | NodeTimeout, now: number): boolean {
    this.#failure = problem
    return this.#enter("unreachable", now)
  }

  /** Sets why the node is degraded although its watch works. Returns whether the node was not degraded before. */
  setDegradedReason(reason: string | undefined): boolean {
    const isNew = reason !== undefined && this.#degradedReason === undefined
    this.#degradedReason = reason
    this.#showsAllCores = reason === undefined
    return isNew
  }

  /** Whether a check has shown that the node hides no cores. A node that starts to hide cores restarts its watches. */
  get showsAllCores(): boolean {
    return this.#showsAllCores
  }

  /** Stores the status that the node reports. Nodes are not trusted, so texts are limited. */
  updateStatus({ agentVersion, corePattern, warnings = [] }: NodeStatus): void {
    this.#reported = {
      ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, maxWarnings).map(limitText) }),
      ...(corePattern === undefined ? {} : { corePattern: limitText(corePattern) }),
      ...(agentVersion === undefined ? {} : { agentVersion: limitText(agentVersion) })
    }
  }

  get status(): NodeStatus {
    const { dropped } = this.cores
    const warnings = [
      ...this.#reported.warnings ?? [],
      ...(this.#degradedReason === undefined ? [] : [this.#degradedReason]),
      ...(dropped === 0 ? [] : [`${dropped} cores of the node are dropped: too large or malformed.`])
    ]
    return {
      name: this.name,
      address: this.#address.address,
      state: this.#state,
      since: toTimestamp(this.#since),
      ...(this.#lastContact === undefined ? {} : { lastContact: toTimestamp(this.#lastContact) }),
      cores: this.cores.count,
      bytes: this.cores.fileBytes,
      ...(this.#failure === undefined ? {} : { lastError: this.#failure.message }),
      ...this.#reported,
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
