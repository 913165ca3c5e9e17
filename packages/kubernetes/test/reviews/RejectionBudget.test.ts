import { assert, describe, it } from "@effect/vitest"
import { RejectionBudget, toAddressKey } from "../../src/reviews/RejectionBudget.ts"

const spend = (budget: RejectionBudget, address: string, times: number, now: number) => {
  for (let i = 0; i < times; i++) budget.spend(address, now)
}

describe("RejectionBudget", () => {
  it("allows 100 rejections at once and 10 per second, for each address", () => {
    const budget = new RejectionBudget()
    spend(budget, "a", 99, 0)
    assert.isFalse(budget.isExhausted("a", 0))
    spend(budget, "a", 1, 0)
    assert.isTrue(budget.isExhausted("a", 0))
    assert.isFalse(budget.isExhausted("b", 0))
    assert.isFalse(budget.isExhausted("a", 100))
    spend(budget, "a", 1, 100)
    assert.isTrue(budget.isExhausted("a", 100))
    assert.isTrue(budget.isExhausted("a", 99))
    spend(budget, "a", 99, 3_600_000)
    assert.isFalse(budget.isExhausted("a", 3_600_000))
  })

  it("forgets the address whose last rejection is longest ago, above 10,000 addresses", () => {
    const budget = new RejectionBudget()
    spend(budget, "old", 1000, 0)
    spend(budget, "busy", 1000, 0)
    for (let i = 0; i < 9999; i++) {
      budget.spend(`address-${i}`, 0)
      budget.spend("busy", 0)
    }
    assert.isFalse(budget.isExhausted("old", 0))
    assert.isTrue(budget.isExhausted("busy", 0))
  })
})

describe("toAddressKey", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:db8:0:0:ffff::1", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["1::", "1:0:0:0"],
    ["", ""]
  ])("maps %j to %j", (address, key) => assert.strictEqual(toAddressKey(address), key))
})
