/**
 * A host in a temporary directory, with real files, a real watch and a scripted journal. Implements `FakeCores`, so that
 * the contract suite runs over it.
 */
import { NodeServices } from "@effect/platform-node"
import { type CoreRef, type CoreSource, formatCoreId, type PodResolver } from "@koredump/core"
import { type FakeCore, FakeCores } from "@koredump/core/testing"
import { Context, Effect, FileSystem, Layer } from "effect"
import { renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Journal } from "../../src/journal/Journal.ts"
import { layerSystemdCoreSourceNoJournal } from "../../src/SystemdCoreSource.ts"
import { type SystemdCoreSourceOptions, SystemdHost } from "../../src/SystemdHost.ts"
import { JournalScript, layerScripted, trustedFields } from "./ScriptedJournal.ts"

/** The coredump directory of the fake host. */
export class CoresDir extends Context.Service<CoresDir, string>()("test/CoresDir") {}

export const bootId = "0123456789abcdef0123456789abcdef"

const textFields = (fields: Readonly<Record<string, unknown>> = {}) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]))

/** The journal entry that systemd-coredump writes for this crash. */
export const entryFields = (core: FakeCore): Readonly<Record<string, string>> => ({
  ...trustedFields,
  COREDUMP_PID: String(core.pid ?? 4242),
  COREDUMP_UID: String(core.uid ?? 0),
  COREDUMP_SIGNAL: String(core.signal ?? 11),
  COREDUMP_COMM: core.comm ?? "crashme",
  COREDUMP_TIMESTAMP: String(core.time ?? 1_700_000_000_000_000),
  _BOOT_ID: bootId,
  ...(core.content === undefined ? {} : { COREDUMP_FILENAME: `/var/lib/systemd/coredump/${toCoreId(core)}` }),
  ...textFields(core.fields)
})

export const toCoreId = ({ comm = "crashme", compression = "none", pid = 4242, time, uid = 0 }: FakeCore) =>
  formatCoreId({ comm, uid, bootId, pid, usec: BigInt(time ?? 1_700_000_000_000_000), compression })

/** Stores a core file like systemd-coredump: the name appears when the file is complete. */
export const storeFile = (dir: string, name: string, content: Uint8Array) =>
  Effect.sync(() => {
    const temporaryPath = join(dir, `.#${name.slice(0, 200)}0123456789abcdef`)
    writeFileSync(temporaryPath, content)
    renameSync(temporaryPath, join(dir, name))
  })

const layerCores = Layer.effect(
  FakeCores,
  Effect.gen(function*() {
    const dir = yield* CoresDir
    const journal = yield* JournalScript
    const cursors = new Map<string, string>()
    const removeFile = (ref: CoreRef) => Effect.sync(() => rmSync(join(dir, ref.id)))
    return FakeCores.of({
      put: Effect.fnUntraced(function*(core) {
        const id = toCoreId(core)
        if (core.content !== undefined) yield* storeFile(dir, id, core.content)
        cursors.set(id, yield* journal.write(entryFields(core)))
        return { node: core.node ?? "node-1", id }
      }),
      removeFile,
      remove: Effect.fnUntraced(function*(ref) {
        yield* journal.removeEntry(cursors.get(ref.id) ?? "")
        yield* removeFile(ref)
      })
    })
  })
)

/** A host with a source that is ready. `prepare` can create files before it starts. */
export const layerFakeHost = (
  options: SystemdCoreSourceOptions & {
    readonly prepare?: (dir: string) => void
    readonly journal?: Layer.Layer<Journal | JournalScript>
    readonly pods?: Layer.Layer<PodResolver>
  } = {}
): Layer.Layer<CoreSource | SystemdHost | FakeCores | JournalScript | CoresDir> => {
  const dir = Layer.effect(
    CoresDir,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* fs.makeTempDirectoryScoped()
      options.prepare?.(path)
      return path
    })
  )
  const source = Layer.unwrap(Effect.map(
    CoresDir,
    (coredumpDir) =>
      // The crashes of the contract suite are years old.
      layerSystemdCoreSourceNoJournal({
        maxMissingAge: "36500 days",
        nodeName: "node-1",
        root: "/nowhere",
        allowDelete: true,
        coredumpDir,
        ...options
      }).pipe(Layer.provide(options.pods ?? Layer.empty))
  ))
  const ready = Layer.effectDiscard(SystemdHost.use((host) => host.ready))
  return ready.pipe(
    Layer.provideMerge(Layer.merge(source, layerCores)),
    Layer.provideMerge(Layer.merge(dir, options.journal ?? layerScripted())),
    Layer.provide(NodeServices.layer),
    Layer.orDie
  )
}
