/** Time from a crash until koredump lists it. */
import { assert, it } from "@effect/vitest"
import { stat } from "node:fs/promises"
import { join } from "node:path"
import { inject } from "vitest"
import { list } from "./support/Http.ts"
import { coredumpDir, crash, journalEntries, program } from "./support/Pipeline.ts"
import { quantiles, report } from "./support/report.ts"
import { now, Watch } from "./support/Watch.ts"

const crashes = 50
const limit = 200

it(
  "lists and watches report 50 crashes within 200 ms of the file, and the journal fields within 200 ms of the entry",
  { timeout: 120_000 },
  async () => {
    const local = inject("local")
    await using watch = await Watch.open(local)
    const [watched, listed, detailed]: [Array<number>, Array<number>, Array<number>] = [[], [], []]
    for (let i = 0; i < crashes; i++) {
      // A unique name, because the event can arrive before the PID is known.
      const comm = `lat-${process.pid}-${i}`
      const crashing = crash("exec", "env", `DEEP_COMM=${comm}`, program("deep"))
      const added = await watch.find(({ type, object }) => type === "ADDED" && object["COREDUMP_COMM"] === comm, comm)
      const cores = await list(local, `comm=${comm}`)
      const listedAt = now()
      const { id } = added.object
      assert.deepStrictEqual(cores.map((core) => core.id), [id])
      // Creating the final name changes the ctime last.
      const complete = Number((await stat(join(coredumpDir, id), { bigint: true })).ctimeNs) / 1e6
      watched.push(added.at - complete)
      listed.push(listedAt - complete)

      const present = await watch.find(
        ({ object }) => object.id === id && object.state === "present",
        `journal fields of ${id}`
      )
      const [entry] = await journalEntries(`COREDUMP_FILENAME=${join(coredumpDir, id)}`)
      detailed.push(present.at - Number(entry!["__REALTIME_TIMESTAMP"]) / 1000)
      await crashing
    }
    const [inWatch, inList, withFields] = [quantiles(watched), quantiles(listed), quantiles(detailed)]
    report(`complete file → watch: ${inWatch.text}`)
    report(`complete file → list (requested after the watch event): ${inList.text}`)
    report(`journal entry → watch: ${withFields.text}`)
    assert.isBelow(inWatch.p99, limit)
    assert.isBelow(inList.p99, limit)
    assert.isBelow(withFields.p99, limit)
  }
)
