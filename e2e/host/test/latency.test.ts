/** How long after a crash koredump knows of it. */
import { assert, it } from "@effect/vitest"
import { stat } from "node:fs/promises"
import { inject } from "vitest"
import { list } from "./support/Http.ts"
import { coreFile, crash, journalEntries } from "./support/Pipeline.ts"
import { quantiles, report } from "./support/report.ts"
import { now, Watch } from "./support/Watch.ts"

const crashes = 50
const limit = 200

it(
  "50 crashes: in watch and list within 200 ms of the complete file, journal facts of the entry",
  { timeout: 120_000 },
  async () => {
    const local = inject("local")
    await using watch = await Watch.open(local)
    const [watched, listed, known]: [Array<number>, Array<number>, Array<number>] = [[], [], []]
    for (let i = 0; i < crashes; i++) {
      const pid = await crash("deep")
      const added = await watch.find(
        ({ type, object }) => type === "ADDED" && object.COREDUMP_PID === pid,
        `pid ${pid}`
      )
      const cores = await list(local, `comm=deep&since=5m`)
      const listedAt = now()
      assert.isDefined(cores.find(({ id }) => id === added.object.id))
      // The link that makes the file appear changes its ctime last.
      const complete = Number((await stat(await coreFile(pid), { bigint: true })).ctimeNs) / 1e6
      watched.push(added.at - complete)
      listed.push(listedAt - complete)

      const facts = await watch.find(
        ({ object }) => object.COREDUMP_PID === pid && object.state === "present",
        `facts of ${pid}`
      )
      const [entry] = await journalEntries(`COREDUMP_PID=${pid}`, `COREDUMP_FILENAME=${await coreFile(pid)}`)
      known.push(facts.at - Number(entry!["__REALTIME_TIMESTAMP"]) / 1000)
    }
    const [inWatch, inList, withFacts] = [quantiles(watched), quantiles(listed), quantiles(known)]
    report(`complete file → watch: ${inWatch.text}`)
    report(`complete file → list (asked for once the watch told it): ${inList.text}`)
    report(`journal entry → its facts in watch: ${withFacts.text}`)
    assert.isBelow(inWatch.p99, limit)
    assert.isBelow(inList.p99, limit)
    assert.isBelow(withFacts.p99, limit)
  }
)
