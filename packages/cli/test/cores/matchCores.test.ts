import { assert, describe, it } from "@effect/vitest"
import { chooseCore, matchCores, parseCoreNames } from "../../src/cores/matchCores.ts"
import { core } from "../fixtures.ts"

const boot = "e36680b3d32e4f4f9899d72d34fe5fb3"
const makeId = (comm: string, pid: number, extension = ".zst") =>
  `core.${comm}.0.${boot}.${pid}.1638186984000000${extension}`

const web = core({ id: makeId("web", 10), COREDUMP_COMM: "web", COREDUMP_EXE: "/usr/bin/web", COREDUMP_PID: 10 })
const web2 = core({ id: makeId("web", 11), COREDUMP_COMM: "web", COREDUMP_EXE: "/opt/web", COREDUMP_PID: 11 })
const lost = core({
  id: makeId("db", 12, ""),
  COREDUMP_COMM: "db",
  COREDUMP_EXE: "/usr/bin/db",
  COREDUMP_PID: 12,
  state: "missing"
})
const db = core({ id: makeId("db", 13), COREDUMP_COMM: "db", COREDUMP_EXE: "/usr/bin/db", COREDUMP_PID: 13 })
// a program with the name of another core's process ID
const ten = core({ id: makeId("10", 99), COREDUMP_COMM: "10", COREDUMP_EXE: "/bin/10", COREDUMP_PID: 99 })
const long = core({
  id: makeId("a-program-with-", 14),
  COREDUMP_COMM: "a-program-with-",
  COREDUMP_EXE: "/b/a-program-with-a-name",
  COREDUMP_PID: 14
})
const all = [web, web2, lost, db, ten, long]

describe("parseCoreNames", () => {
  const id = makeId("web", 10)
  const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [["node-1", id], "Ref"],
    [[id], "Names"],
    [[id, id], "Names"],
    [["web", "db"], "Names"],
    [["node-1", "../../etc/passwd"], "Names"],
    [[], "Names"]
  ]
  for (const [operands, expected] of cases) {
    it(`${operands.join(" ") || "nothing"} → ${expected}`, () => {
      assert.strictEqual(parseCoreNames(operands)._tag, expected)
    })
  }
})

describe("matchCores", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
    [web.id, [web]],
    [`core.web.0.${boot}.10.1638186984000000`, [web]],
    [makeId("web", 10, ".lz4"), [web]],
    ["core.web.", [web, web2]],
    [`core.web.0.${boot}.11`, [web2]],
    ["10", [web]],
    ["99", [ten]],
    ["web", [web, web2]],
    ["/opt/web", [web2]],
    ["a-program-with-", [long]],
    ["a-program-with-a-name", [long]],
    ["we", []],
    ["/usr/bin", []],
    ["", []]
  ]
  for (const [name, expected] of cases) {
    it(`finds ${expected.length} for ${JSON.stringify(name)}`, () => {
      assert.deepStrictEqual(matchCores(name, all), expected)
    })
  }
})

describe("chooseCore", () => {
  const both = { newest: false, stored: true }
  it("chooses the only core", () => {
    assert.deepStrictEqual(chooseCore([web], both), { _tag: "One", core: web })
  })
  it("finds none", () => {
    assert.deepStrictEqual(chooseCore([], { newest: true, stored: true }), { _tag: "None" })
  })
  it("does not choose between several cores", () => {
    assert.deepStrictEqual(chooseCore([web, web2], both), { _tag: "Ambiguous", candidates: [web, web2] })
  })
  it("chooses the newest core with `newest`", () => {
    assert.deepStrictEqual(chooseCore([web, web2], { ...both, newest: true }), { _tag: "One", core: web2 })
  })
  it("prefers stored cores with `stored`", () => {
    assert.deepStrictEqual(chooseCore([db, lost], { newest: true, stored: true }), { _tag: "One", core: db })
    assert.deepStrictEqual(chooseCore([db, lost], { newest: true, stored: false }), { _tag: "One", core: lost })
    assert.deepStrictEqual(chooseCore([lost], both), { _tag: "One", core: lost })
  })
})
