import { Clock, Duration, Effect, Option, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { CoreEvent } from "../../model/CoreEvent.ts"
import { type ChangesOptions, CoreSource, heartbeatInterval } from "../../source/CoreSource.ts"
import { FakeCores } from "../FakeCoreSource.ts"
import { check, type ContractCase, contractCase, encodeText } from "./contractCase.ts"

/** Real time that an event can take from the source to the watcher, whatever the time of the test clock is. */
const deliveryTimeout = "3 seconds"
/** Enough to detect heartbeats that stop, and short enough for the real clock. */
const liveRounds = 2
const testClockRounds = 60

const isTestClock = Clock.clockWith((clock) => Effect.succeed("adjust" in clock))

/** Lets this much time pass: moves a test clock, or sleeps. */
const pass = (duration: Duration.Duration) =>
  Effect.flatMap(isTestClock, (isTest) => isTest ? TestClock.adjust(duration) : Effect.sleep(duration))

const inRealTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(isTestClock, (isTest) => isTest ? TestClock.withLive(effect) : effect)

/** Starts a watch. The result waits for its next BOOKMARK, and is false if none arrives. */
const startWatch = Effect.fnUntraced(function*(options: ChangesOptions) {
  const source = yield* CoreSource
  const events = yield* Queue.unbounded<CoreEvent>()
  yield* source.changes(options).pipe(
    Stream.runForEach((event) => Queue.offer(events, event)),
    Effect.forkScoped
  )
  const bookmark = Queue.take(events).pipe(
    Effect.repeat({ until: ({ type }) => type === "BOOKMARK" }),
    Effect.timeoutOption(deliveryTimeout),
    inRealTime,
    Effect.map(Option.isSome)
  )
  return { bookmark }
})

/** Checks the heartbeats of several watches at the same time. `disturb` runs in the middle of each interval. */
const checkHeartbeats = (
  watches: ReadonlyArray<ChangesOptions>,
  disturb: (round: number) => Effect.Effect<unknown, never, CoreSource | FakeCores> = () => Effect.void
) =>
  Effect.gen(function*() {
    const rounds = (yield* isTestClock) ? testClockRounds : liveRounds
    const started = yield* Effect.forEach(watches, startWatch)
    const receive = (when: string) =>
      Effect.forEach(started, ({ bookmark }, i) =>
        Effect.flatMap(bookmark, (received) =>
          check(received, `no BOOKMARK ${when} in the watch ${JSON.stringify(watches[i])}`)), {
        concurrency: "unbounded",
        discard: true
      })
    yield* receive("after the replay")
    const half = Duration.times(heartbeatInterval, 0.5)
    for (let round = 1; round <= rounds; round++) {
      yield* pass(half)
      yield* disturb(round)
      yield* pass(half)
      yield* receive(`within heartbeat interval ${round}`)
    }
  }).pipe(Effect.scoped)

/** Cases for heartbeats: a client must be able to distinguish a quiet watch from a broken one. */
export const heartbeatCases: ReadonlyArray<ContractCase> = [
  contractCase("a watch sends a BOOKMARK every 5 seconds while nothing happens", function*() {
    const source = yield* CoreSource
    const { resourceVersion } = yield* source.list({})
    yield* checkHeartbeats([{}, { since: resourceVersion }])
  }, { waits: true }),

  contractCase(
    "a watch sends a BOOKMARK every 5 seconds while changes happen, shown or hidden by its filter",
    function*() {
      const script = yield* FakeCores
      const source = yield* CoreSource
      const { resourceVersion } = yield* source.list({})
      const filter = { comm: ["no-such-command"], state: "any" } as const
      yield* checkHeartbeats(
        [{}, { filter }, { filter, since: resourceVersion }],
        (round) => script.put({ pid: round, content: encodeText("x") })
      )
    },
    { waits: true }
  )
]
