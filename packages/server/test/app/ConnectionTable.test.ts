import { assert, describe, it } from "@effect/vitest"
import { type Admission, ConnectionTable } from "../../src/app/ConnectionTable.ts"

type Step = readonly ["open", string, Admission<string>] | readonly ["begin" | "end" | "close", string]

describe("a full table", () => {
  it.each<readonly [string, ReadonlyArray<Step>]>([
    ["closes the oldest connection without a request", [
      ["open", "a", "accept"],
      ["open", "b", "accept"],
      ["open", "c", { close: "a" }],
      ["open", "d", { close: "b" }]
    ]],
    ["keeps connections with a running request", [
      ["open", "a", "accept"],
      ["begin", "a"],
      ["open", "b", "accept"],
      ["open", "c", { close: "b" }]
    ]],
    ["refuses a connection if all have a running request", [
      ["open", "a", "accept"],
      ["begin", "a"],
      ["open", "b", "accept"],
      ["begin", "b"],
      ["open", "c", "refuse"],
      ["end", "b"],
      ["open", "d", { close: "b" }]
    ]],
    ["counts several requests of one connection", [
      ["open", "a", "accept"],
      ["begin", "a"],
      ["begin", "a"],
      ["end", "a"],
      ["open", "b", "accept"],
      ["begin", "b"],
      ["open", "c", "refuse"],
      ["end", "a"],
      ["open", "d", { close: "a" }]
    ]],
    ["closes the connection that has been idle for the longest time, not the one that was opened first", [
      ["open", "a", "accept"],
      ["open", "b", "accept"],
      ["begin", "a"],
      ["end", "a"],
      ["open", "c", { close: "b" }]
    ]],
    ["has room again after a connection is closed", [
      ["open", "a", "accept"],
      ["open", "b", "accept"],
      ["begin", "b"],
      ["close", "b"],
      ["end", "b"],
      ["open", "c", "accept"]
    ]],
    ["ignores requests of connections that it has closed", [
      ["open", "a", "accept"],
      ["open", "b", "accept"],
      ["open", "c", { close: "a" }],
      ["begin", "a"],
      ["end", "a"],
      ["close", "a"],
      ["open", "d", { close: "b" }]
    ]]
  ])("%s", (_name, steps) => {
    const table = new ConnectionTable<string>(2)
    for (const step of steps) {
      if (step[0] === "open") assert.deepStrictEqual(table.open(step[1]), step[2], step[1])
      else table[step[0]](step[1])
      assert.isAtMost(table.size, 2)
    }
    assert.strictEqual(table.size, 2)
  })
})
