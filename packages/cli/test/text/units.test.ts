import { assert, describe, it } from "@effect/vitest"
import { formatAge, formatBytes, formatClock, formatLocalTime, formatOffset } from "../../src/text/units.ts"

const table = <A>(name: string, of: (value: A) => string, cases: ReadonlyArray<readonly [A, string]>) =>
  describe(name, () => {
    for (const [value, expected] of cases) {
      it(`${value} → ${expected}`, () => {
        assert.strictEqual(of(value), expected)
      })
    }
  })

table("formatBytes", formatBytes, [
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [15_967, "15.6 KiB"],
  [1024 * 1024 - 1, "1 MiB"],
  [315_392, "308 KiB"],
  [2 * 1024 ** 3, "2 GiB"],
  [5000 * 1024 ** 5, "5000 PiB"]
])

table("formatAge", formatAge, [
  [-5, "0s"],
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [7199, "119m"],
  [7200, "2h"],
  [172_800, "2d"],
  [63_072_000, "2y"]
])

table("formatClock", formatClock, [[0, "0:00"], [6.2, "0:07"], [61, "1:01"], [3723, "1:02:03"]])

table("formatLocalTime", formatLocalTime, [[0, "1970-01-01 00:00:00"], [1_700_000_000_999, "2023-11-14 22:13:20"]])

table("formatOffset", formatOffset, [[0, "+00:00"]])
