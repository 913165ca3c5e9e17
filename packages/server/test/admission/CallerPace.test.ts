import { assert, describe, it } from "@effect/vitest"
import { CallerPace } from "../../src/admission/CallerPace.ts"

describe("CallerPace", () => {
  it("lets a caller who is alone go on without a pause", () => {
    const pace = new CallerPace()
    pace.toDelay("a", 0)
    pace.charge("a", 100, 10, true)
    assert.strictEqual(pace.toDelay("a", 10), 0)
  })

  it("makes a caller with long or concurrent requests pause for three times as long while others are active", () => {
    const pace = new CallerPace()
    pace.toDelay("b", 0)
    pace.toDelay("a", 0)
    pace.charge("a", 10, 100, false)
    assert.strictEqual(pace.toDelay("a", 100), 30)
    pace.charge("a", 1, 100, true)
    assert.strictEqual(pace.toDelay("a", 100), 33)
    assert.strictEqual(pace.toDelay("b", 100), 0)
    assert.strictEqual(pace.toDelay("a", 133), 0)
  })

  it("does not make a caller with one cheap request at a time pause", () => {
    const pace = new CallerPace()
    pace.toDelay("b", 0)
    pace.toDelay("a", 0)
    pace.charge("a", 4, 100, false)
    assert.strictEqual(pace.toDelay("a", 100), 0)
  })

  it("no longer counts a caller as active a second after its last request", () => {
    const pace = new CallerPace()
    pace.toDelay("b", 0)
    pace.toDelay("a", 1001)
    pace.charge("a", 100, 1001, true)
    assert.strictEqual(pace.toDelay("a", 1001), 0)
  })
})
