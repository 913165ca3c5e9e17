/** Creates core files and journals like those of a busy host. */
import { spawnSync } from "node:child_process"
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"

const bootId = "751c449cf1bc47708e93be6dfdbb55a0"
const machineId = "7f0c6d3e5b1a4928a6d4c2b0e8f19375"
const firstSecond = 1_795_000_000

/** The file name of the nth core. */
export const coreName = (n: number, extension = ".zst"): string =>
  `core.deep.0.${bootId}.${1000 + n}.${firstSecond + n}000000${extension}`

/** The coredump directory in a root directory. */
export const coredumpDir = (root: string): string => join(root, "var/lib/systemd/coredump")

/** Creates the directories of a host. */
export const makeHost = (root: string): void => {
  mkdirSync(coredumpDir(root), { recursive: true })
  mkdirSync(join(root, "etc"), { recursive: true })
  const fd = openSync(join(root, "etc/machine-id"), "w")
  writeSync(fd, `${machineId}\n`)
  closeSync(fd)
}

/** Creates sparse files of half a megabyte. */
export const makeCores = (root: string, count: number): void => {
  for (let n = 0; n < count; n++) {
    const fd = openSync(join(coredumpDir(root), coreName(n)), "w", 0o640)
    ftruncateSync(fd, 500_000)
    closeSync(fd)
  }
}

type Fields = ReadonlyArray<readonly [string, Buffer]>

/** Parses a journal export. A field is `NAME=value`, or for binary data a name, a length and the bytes. */
const parseExport = (bytes: Buffer): ReadonlyArray<Fields> => {
  const entries: Array<Fields> = []
  let fields: Array<readonly [string, Buffer]> = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at)
    const line = bytes.subarray(at, end)
    at = end + 1
    const equals = line.indexOf(61)
    if (line.length === 0) {
      entries.push(fields)
      fields = []
    } else if (equals === -1) {
      const length = Number(bytes.readBigUInt64LE(at))
      fields.push([line.toString(), bytes.subarray(at + 8, at + 8 + length)])
      at += 8 + length + 1
    } else fields.push([line.toString("latin1", 0, equals), line.subarray(equals + 1)])
  }
  return entries
}

const encodeField = (name: string, value: Buffer): Buffer => {
  if (value.every((byte) => byte >= 32)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from("\n")])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(value.length))
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from("\n")])
}

/**
 * Creates a persistent journal with an entry for each core. All are copies of a real entry from `e2e/host`, with other names,
 * numbers and times, and with the fields that `more` adds or replaces. `systemd-journal-remote` writes them, because it
 * keeps trusted fields.
 */
export const makeJournal = (
  root: string,
  count: number,
  more: (n: number) => Readonly<Record<string, string>> = () => ({})
): void => {
  const fixture = join(import.meta.dirname, "../../packages/node-source/test/fixtures/journal.export")
  const template = parseExport(readFileSync(fixture)).find((fields) =>
    fields.some(([name, value]) => name === "COREDUMP_FILENAME" && value.includes("core.deep."))
  )
  if (template === undefined) throw new Error(`no journal entry found in ${fixture}`)
  const oldPid = template.find(([name]) => name === "COREDUMP_PID")![1].toString()
  const file = join(root, "journal.export")
  const fd = openSync(file, "w")
  for (let n = 0; n < count; n++) {
    const pid = String(1000 + n)
    const micros = `${firstSecond + n}060000`
    const changed: Readonly<Record<string, string>> = {
      __REALTIME_TIMESTAMP: micros,
      __MONOTONIC_TIMESTAMP: String(1_000_000 * (n + 1)),
      _SOURCE_REALTIME_TIMESTAMP: micros,
      _BOOT_ID: bootId,
      _MACHINE_ID: machineId,
      COREDUMP_PID: pid,
      COREDUMP_TIMESTAMP: `${firstSecond + n}000000`,
      COREDUMP_FILENAME: `/var/lib/systemd/coredump/${coreName(n)}`,
      ...more(n)
    }
    const fields = [
      ...Object.entries(changed).map(([name, text]) => encodeField(name, Buffer.from(text))),
      ...template.filter(([name]) => name !== "__CURSOR" && !(name in changed)).map(([name, value]) =>
        encodeField(name, Buffer.from(value.toString("latin1").replaceAll(oldPid, pid), "latin1"))
      )
    ]
    writeSync(fd, Buffer.concat([...fields, Buffer.from("\n")]))
  }
  closeSync(fd)
  const directory = join(root, "var/log/journal", machineId)
  mkdirSync(directory, { recursive: true })
  const remote = "/lib/systemd/systemd-journal-remote"
  const make = () => spawnSync(remote, [`--output=${join(directory, "system.journal")}`, file], { stdio: "ignore" })
  if (make().error !== undefined) {
    spawnSync("apt-get", ["install", "-qy", "--no-install-recommends", "systemd-journal-remote"], { stdio: "ignore" })
    if (make().status !== 0) throw new Error("cannot create a journal. Run: apt-get install systemd-journal-remote")
  }
}

/** Creates a file like a core: pages of zeros and pages of data that repeat after 64 MiB. */
export const makeLargeFile = (path: string, bytes: number): void => {
  const block = Buffer.allocUnsafe(64 * 1024 * 1024)
  for (let i = 0, state = 1; i < block.length; i += 4) {
    if ((i >>> 12) % 4 !== 0) {
      block.writeUInt32LE(0, i)
      continue
    }
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    block.writeUInt32LE((state & 0xff00ffff) >>> 0, i)
  }
  const fd = openSync(path, "w", 0o644)
  for (let left = bytes; left > 0; left -= block.length) writeSync(fd, block, 0, Math.min(left, block.length))
  closeSync(fd)
}
