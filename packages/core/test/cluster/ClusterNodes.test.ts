import { assert, describe, it } from "@effect/vitest"
import { compareNodes } from "../../src/cluster/ClusterNodes.ts"

const node = (name: string, address = `http://${name}`, incarnation = "1") => ({ name, address, incarnation })
const known = (address: ReturnType<typeof node>, isInDirectory = true) => ({
  name: address.name,
  address,
  isInDirectory
})
const names = ({ added, changed, removed }: ReturnType<typeof compareNodes>) => ({
  added: added.map(({ name }) => name),
  changed: changed.map(({ name }) => name),
  removed
})
const none = { added: [], changed: [], removed: [] }

describe("compareNodes", () => {
  it.each<[string, Parameters<typeof compareNodes>, ReturnType<typeof names>]>([
    ["no nodes", [[], []], none],
    ["the same nodes", [[known(node("a"))], [node("a")]], none],
    ["a new node", [[known(node("a"))], [node("b"), node("a")]], { ...none, added: ["b"] }],
    ["a new address", [[known(node("a"))], [node("a", "http://x")]], { ...none, changed: ["a"] }],
    ["a new node agent", [[known(node("a"))], [node("a", "http://a", "2")]], { ...none, changed: ["a"] }],
    ["a removed node", [[known(node("a"))], []], { ...none, removed: ["a"] }],
    ["a node that was removed before", [[known(node("a"), false)], []], none],
    ["a node that comes back", [[known(node("a"), false)], [node("a")]], { ...none, changed: ["a"] }]
  ])("%s", (_, [before, addresses], expected) => {
    assert.deepStrictEqual(names(compareNodes(before, addresses)), expected)
  })

  it("uses the last of two entries for a node", () => {
    const { added } = compareNodes([], [node("a", "http://1"), node("a", "http://2")])
    assert.deepStrictEqual(added.map(({ address }) => address), ["http://2"])
  })
})
