// Run with: npx node --conditions=@koredump/source examples/client-effect.ts [URL]
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Koredump, layerRemoteCoreSource, safeFileName } from "@koredump/client/effect"
import { downloadCore, layerNodeHttp } from "@koredump/client/node"
import { Console, Effect, Layer, Option, Stream } from "effect"

const url = process.argv[2] ?? "http://127.0.0.1:5000"

const program = Effect.gen(function*() {
  const koredump = yield* Koredump

  // A list ends with the newest core dump.
  const list = yield* koredump.list()
  const newest = list.cores.at(-1)
  yield* Console.log(`${list.cores.length} core dumps`, newest?.title ?? newest?.id ?? "")

  if (newest !== undefined) {
    const { stored } = yield* downloadCore({ ref: newest, path: safeFileName(newest.id) })
    yield* Console.log(`${stored?.path}: ${stored?.size} bytes`)
  }

  // The watch starts where the list ends, so no crash is missed.
  const event = yield* koredump.watch({ resourceVersion: list.resourceVersion }).pipe(
    Stream.filter((event) => event.type !== "BOOKMARK"),
    Stream.runHead,
    Effect.timeoutOption("10 seconds"),
    Effect.map(Option.flatten)
  )
  yield* Option.match(event, {
    onNone: () => Console.log("No crash within ten seconds."),
    onSome: ({ object, type }) => Console.log(type, object.title ?? object.id)
  })
})

const layer = Koredump.layerNoDeps.pipe(
  Layer.provideMerge(layerRemoteCoreSource({ url })),
  Layer.provide(layerNodeHttp(url))
)

NodeRuntime.runMain(Effect.provide(program, layer))
