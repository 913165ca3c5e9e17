/** The sample host that all node agents of the suite serve: many cores, and a few that are expensive. */
import { spawnSync } from "node:child_process"
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  coredumpDir,
  coreName,
  makeCores,
  makeHost,
  makeJournal,
  makeLargeFile
} from "../../../bench/support/sampleCores.ts"

/** The number of cores. */
export const coreCount = 2000

/** The core files that cost the most. */
export const expensive = {
  /** 1 GiB, not compressed, sparse. */
  giant: coreName(0, ""),
  /** 256 MiB of data. */
  zstd: coreName(1, ".zst"),
  lz4: coreName(2, ".lz4"),
  /** 8 MiB of metadata. */
  heavy: coreName(3),
  /** 18.9 MB of metadata. */
  huge: coreName(4)
} as const

/** Core files outside of the coredump directory, and where they belong. Tests move them in and out to cause changes. */
export const getStagedFiles = (root: string): ReadonlyArray<readonly [outside: string, inside: string]> =>
  Array.from({ length: 8 }, (_, n) => coreName(coreCount + n))
    .map((name) => [join(root, "staging", name), join(coredumpDir(root), name)])

const heavyFields = ["COREDUMP_ENVIRON", "COREDUMP_PROC_MAPS", "COREDUMP_PROC_MOUNTINFO", "COREDUMP_OPEN_FDS"]

/** Lines as in /proc/PID/maps, about as many bytes as requested. */
const makeLines = (bytes: number): string =>
  Array.from(
    { length: bytes / 70 },
    (_, n) =>
      `${n.toString(16).padStart(12, "0")}-${
        (n + 1).toString(16).padStart(12, "0")
      } r-xp 00000000 fe:00 ${n} /usr/lib/libmore.so`
        .padEnd(69)
  )
    .join("\n")

/** Long texts with one wide character, which take two bytes for each character in memory. */
const wide = `/${"x".repeat(4000)}ł`

const changeEntry = (n: number): Readonly<Record<string, string>> => {
  if (n === 0) return { COREDUMP_FILENAME: `/var/lib/systemd/coredump/${expensive.giant}` }
  if (n === 2) return { COREDUMP_FILENAME: `/var/lib/systemd/coredump/${expensive.lz4}` }
  if (n === 3) return Object.fromEntries(heavyFields.map((name) => [name, makeLines(2 * 1024 * 1024)]))
  if (n === 4) return Object.fromEntries(heavyFields.map((name) => [name, makeLines(18.9e6 / 4)]))
  return n % 10 === 5 ? { COREDUMP_CMDLINE: wide, COREDUMP_CWD: wide } : {}
}

/** Creates the host in a directory. */
export const makeSampleHost = (root: string): void => {
  makeHost(root)
  makeCores(root, coreCount)
  const path = (name: string) => join(coredumpDir(root), name)
  for (const n of [0, 2]) rmSync(path(coreName(n)))
  const giant = openSync(path(expensive.giant), "w", 0o640)
  ftruncateSync(giant, 1024 ** 3)
  closeSync(giant)
  const large = join(root, "large")
  makeLargeFile(large, 256 * 1024 * 1024)
  for (const [tool, name] of [["zstd", expensive.zstd], ["lz4", expensive.lz4]] as const) {
    const { status } = spawnSync(tool, ["-qf1", large, path(name)])
    if (status !== 0) throw new Error(`cannot compress a core with ${tool}`)
  }
  rmSync(large)
  makeJournal(root, coreCount, changeEntry)
  mkdirSync(join(root, "staging"))
  for (const [outside] of getStagedFiles(root)) writeFileSync(outside, "core", { mode: 0o640 })
}
