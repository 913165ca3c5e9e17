/** The memory that the server divides between its uses. */
import { totalmem } from "node:os"

const GiB = 1024 ** 3

/**
 * The memory limit of this process in bytes: that of its cgroup, which is the limit of the container in Kubernetes. Without
 * one: half of the machine's memory, at most 1 GiB.
 */
export const detectMemoryLimit = (
  constrained: number = process.constrainedMemory(),
  total: number = totalmem()
): number =>
  // Without a limit, Node.js returns 0 or a number that is larger than any memory.
  constrained > 0 && constrained < total ? constrained : Math.min(GiB, total / 2)

/** The share of the memory limit for the index. */
const indexShare = 0.32

/** The share of the memory limit for connections. */
const connectionShare = 1 / 16

/** The memory of an idle connection in bytes. Measured: 12.5 KiB, with TLS 64 KiB. */
const connectionBytes = 16 * 1024
const tlsConnectionBytes = 64 * 1024

/** The size of the index that a memory limit allows, in bytes. */
export const toMaxIndexBytes = (memoryLimit: number): number => Math.floor(memoryLimit * indexShare)

/** The number of connections that a memory limit allows. */
export const toMaxConnections = (memoryLimit: number, hasTls: boolean): number =>
  Math.max(16, Math.floor(memoryLimit * connectionShare / (hasTls ? tlsConnectionBytes : connectionBytes)))
