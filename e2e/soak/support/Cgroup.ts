/**
 * Memory cgroups with the limits of the chart. Works with cgroup v2, and with the v1 memory controller of hybrid machines.
 * v1 does not count socket buffers in the limit, v2 does, so tests also compare `charged` with the limit.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"

const v1 = "/sys/fs/cgroup/memory"
const isV1 = existsSync(v1)
const root = isV1 ? v1 : "/sys/fs/cgroup"

const mib = 1024 * 1024

/** Memory of a cgroup in MiB. */
export interface CgroupMemory {
  /** Socket buffers in the kernel. */
  readonly sock: number
  /** What cgroup v2 charges and cannot reclaim: anonymous memory, memory of the kernel, and socket buffers. */
  readonly charged: number
}

/** A memory cgroup. It ends with its processes. */
export interface Cgroup extends AsyncDisposable {
  readonly limit: number
  /** The file to which a process writes its PID to move into the cgroup. */
  readonly procs: string
  readonly memory: () => CgroupMemory
  /** Processes that were killed because of the limit. */
  readonly oomKills: () => number
  readonly pids: () => ReadonlyArray<number>
}

/** The value of `name VALUE` in a file of several lines. */
const readStat = (file: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(file, "utf8"))?.[1] ?? 0)

/** Creates a cgroup with a limit in MiB, and without swap. */
export const makeCgroup = (name: string, limit: number): Cgroup => {
  const path = join(root, `koredump-soak-${process.pid}-${name}`)
  mkdirSync(path)
  const set = (file: string, value: number) => writeFileSync(join(path, file), String(value))
  const read = (file: string) => Number(readFileSync(join(path, file), "utf8"))
  if (isV1) {
    set("memory.limit_in_bytes", limit * mib)
    set("memory.swappiness", 0)
    // Socket buffers are counted only if they have a limit.
    set("memory.kmem.tcp.limit_in_bytes", 2 ** 40)
  } else {
    set("memory.max", limit * mib)
    if (existsSync(join(path, "memory.swap.max"))) set("memory.swap.max", 0)
  }
  const stat = join(path, "memory.stat")
  const procs = join(path, "cgroup.procs")
  const pids = () => readFileSync(procs, "utf8").split("\n").filter(Boolean).map(Number)
  return {
    limit,
    procs,
    memory: () => {
      const sock = (isV1 ? read("memory.kmem.tcp.usage_in_bytes") : readStat(stat, "sock")) / mib
      const rest = isV1
        ? readStat(stat, "rss") + read("memory.kmem.usage_in_bytes")
        : readStat(stat, "anon") + readStat(stat, "kernel")
      return { sock, charged: rest / mib + sock }
    },
    oomKills: () => readStat(join(path, isV1 ? "memory.oom_control" : "memory.events"), "oom_kill"),
    pids,
    [Symbol.asyncDispose]: async () => {
      for (let tries = 0; pids().length > 0 && tries < 100; tries++) {
        for (const pid of pids()) process.kill(pid, "SIGKILL")
        await setTimeout(20)
      }
      rmdirSync(path)
    }
  }
}
