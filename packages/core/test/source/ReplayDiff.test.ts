import { assert, describe, it } from "@effect/vitest"
import type { CoreEvent, CoreSummary } from "@koredump/core"
import { ReplayDiff } from "../../src/source/ReplayDiff.ts"

type Step =
  | "connect"
  | "expire"
  | readonly ["ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK", resourceVersion: string, id?: string]

interface Outcome {
  /** Version from which the next connection resumes. */
  readonly since: string | undefined
  readonly isReplaying: boolean
  /** What the last BOOKMARK showed as gone. */
  readonly gone?: ReadonlyArray<string>
}

const toEvent = ([type, resourceVersion, id]: Exclude<Step, string>): CoreEvent =>
  type === "BOOKMARK"
    ? { type, object: { resourceVersion } }
    : { type, object: { id, resourceVersion } as CoreSummary }

/** Runs the steps like a consumer that has the cores a, b and c. */
const runSteps = (steps: ReadonlyArray<Step>, since?: string): Outcome => {
  const diff = new ReplayDiff<string, Set<string>>(() => new Set(), { since, maxVersionLength: 10 })
  let gone: ReadonlyArray<string> = []
  for (const step of steps) {
    if (step === "connect") diff.connect()
    else if (step === "expire") diff.expire()
    else {
      const event = toEvent(step)
      if (event.type === "BOOKMARK") gone = diff.findGone(["a", "b", "c"])
      else diff.replayed?.add(event.object.id)
      diff.advance(event)
    }
  }
  return { since: diff.since, isReplaying: diff.replayed !== undefined, gone }
}

describe("ReplayDiff", () => {
  const cases: ReadonlyArray<readonly [title: string, steps: ReadonlyArray<Step>, expected: Outcome, since?: string]> =
    [
      ["replays on the first connection", ["connect"], { since: undefined, isReplaying: true }],
      ["resumes from a given version", ["connect"], { since: "v-1", isReplaying: false }, "v-1"],
      [
        "does not resume from an event within a replay",
        ["connect", ["ADDED", "v-9", "a"]],
        { since: undefined, isReplaying: true }
      ],
      [
        "ends the replay with a BOOKMARK, and finds what it left out",
        ["connect", ["ADDED", "v-1", "a"], ["ADDED", "v-2", "c"], ["BOOKMARK", "v-3"]],
        { since: "v-3", isReplaying: false, gone: ["b"] }
      ],
      ["finds everything gone after an empty replay", ["connect", ["BOOKMARK", "v-3"]], {
        since: "v-3",
        isReplaying: false,
        gone: ["a", "b", "c"]
      }],
      [
        "finds nothing gone at a BOOKMARK outside of a replay",
        ["connect", ["BOOKMARK", "v-3"], ["BOOKMARK", "v-4"]],
        { since: "v-4", isReplaying: false }
      ],
      [
        "resumes from each event after the replay",
        ["connect", ["BOOKMARK", "v-3"], ["DELETED", "v-4", "a"], ["MODIFIED", "v-5", "b"]],
        { since: "v-5", isReplaying: false, gone: ["a", "b", "c"] }
      ],
      [
        "does not replay on a second connection",
        ["connect", ["BOOKMARK", "v-3"], "connect", ["ADDED", "v-4", "d"]],
        { since: "v-4", isReplaying: false, gone: ["a", "b", "c"] }
      ],
      [
        "starts again with an empty replay when a connection fails within one",
        ["connect", ["ADDED", "v-1", "a"], "connect", ["ADDED", "v-2", "b"], ["BOOKMARK", "v-3"]],
        { since: "v-3", isReplaying: false, gone: ["a", "c"] }
      ],
      [
        "replays after the version has expired",
        ["connect", ["BOOKMARK", "v-3"], "expire", "connect", ["ADDED", "w-1", "c"], ["BOOKMARK", "w-2"]],
        { since: "w-2", isReplaying: false, gone: ["a", "b"] },
        "v-1"
      ],
      [
        "does not keep a version that is too long",
        ["connect", ["BOOKMARK", "v-3"], ["ADDED", "v-12345678", "a"], ["ADDED", "v-123456789", "b"]],
        { since: undefined, isReplaying: false, gone: ["a", "b", "c"] }
      ]
    ]

  for (const [title, steps, expected, since] of cases) {
    it(title, () => assert.deepStrictEqual(runSteps(steps, since), { gone: [], ...expected }))
  }
})
