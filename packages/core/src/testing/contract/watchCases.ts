import { Effect, Stream } from "effect"
import type { CoreEvent } from "../../model/CoreEvent.ts"
import type { CoreRef } from "../../model/CoreId.ts"
import { CoreSource } from "../../source/CoreSource.ts"
import { FakeCores } from "../FakeCoreSource.ts"
import { checkEqual, type ContractCase, contractCase, encodeText, failureTag, noon, putAll } from "./contractCase.ts"

/** Cases for `changes`. */
export const watchCases: ReadonlyArray<ContractCase> = [
  contractCase("a watch sends the replay, a BOOKMARK, then the changes", function*() {
    const script = yield* FakeCores
    const source = yield* CoreSource
    yield* putAll([{ comm: "old", pid: 1, content: encodeText("1") }])
    const seen: Array<string> = []
    const onEvent = (event: CoreEvent) =>
      Effect.gen(function*() {
        if (event.type === "BOOKMARK") {
          if (seen.at(-1) === "BOOKMARK") return
          seen.push(event.type)
          yield* script.put({ comm: "new", pid: 2, time: noon, content: encodeText("2") })
        } else seen.push(`${event.type} ${event.object.COREDUMP_COMM}`)
      })
    yield* source.changes().pipe(
      Stream.tap(onEvent),
      Stream.takeUntil(() => seen.at(-1) === "ADDED new"),
      Stream.runDrain
    )
    yield* checkEqual(seen, ["ADDED old", "BOOKMARK", "ADDED new"], "events")
  }),

  contractCase("a watch from the resource version of a list misses no change", function*() {
    const script = yield* FakeCores
    const source = yield* CoreSource
    const { resourceVersion } = yield* source.list({})
    const refs: Array<CoreRef> = []
    for (const pid of [1, 2, 3]) refs.push(yield* script.put({ pid, content: encodeText("x") }))
    const added = new Set<string>()
    yield* source.changes({ since: resourceVersion }).pipe(
      Stream.tap((event) => Effect.sync(() => event.type === "ADDED" && added.add(event.object.id))),
      Stream.takeUntil(() => added.size === refs.length),
      Stream.runDrain
    )
    yield* checkEqual(added, new Set(refs.map(({ id }) => id as string)), "added since the list")
  }),

  contractCase("a filtered watch sends DELETED when a core no longer matches", function*() {
    const script = yield* FakeCores
    const source = yield* CoreSource
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: encodeText("1") }])
    const { resourceVersion } = yield* source.list({})
    yield* script.removeFile(ref!)
    const firstChange = (options: Parameters<typeof source.changes>[0]) =>
      source.changes(options).pipe(
        Stream.filter((event: CoreEvent) => event.type !== "BOOKMARK"),
        Stream.take(1),
        Stream.runCollect
      )
    const [deleted] = yield* firstChange({ since: resourceVersion })
    yield* checkEqual([deleted!.type, deleted!.object.id], ["DELETED", ref!.id], "without state")
    const [modified] = yield* firstChange({ since: resourceVersion, filter: { state: "any" } })
    yield* checkEqual([modified!.type, modified!.object.state], ["MODIFIED", "missing"], "with state=any")
  }),

  contractCase("rejects resource versions of another source as expired", function*() {
    const source = yield* CoreSource
    for (const since of ["other-1", "garbage", "18446744073709551616"]) {
      yield* checkEqual(
        yield* failureTag(Stream.runHead(source.changes({ since }))),
        "ResourceVersionExpired",
        `a watch since ${since}`
      )
    }
  })
]
