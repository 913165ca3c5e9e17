import { assert, describe, it } from "@effect/vitest"
import { formatCoresTable, layOutCoresTable } from "../../src/cores/coresTable.ts"
import { displayWidth } from "../../src/text/terminalText.ts"
import { core } from "../fixtures.ts"

const now = Date.parse("2022-02-23T10:23:16Z")
const options = { wide: false, width: undefined, now, color: false }

const host = { namespace: undefined, pod: undefined, container: undefined }
const hostCores = [
  core({ ...host, node: "vm" }),
  core({
    ...host,
    node: "vm",
    COREDUMP_COMM: "web server.v1",
    COREDUMP_PID: 7,
    COREDUMP_UID: 1000,
    COREDUMP_SIGNAL_NAME: "SIGSEGV",
    state: "missing",
    size: undefined,
    title: "SIGSEGV in deep3 (web server.v1)"
  })
]
const podCores = [
  core(),
  core({ node: "ocp-7", pod: "a-much-longer-name-of-a-pod-6d4cf56db6-x2x7p", namespace: "kube-system" })
]

describe("formatCoresTable", () => {
  it("shows the cores of a host", () => {
    assert.strictEqual(
      formatCoresTable(hostCores, options),
      `
TIME                 AGE  PROGRAM           PID   UID  SIGNAL   STATE        SIZE  TITLE
2022-02-23 08:23:16   2h  prog           207856     0  SIGXCPU  present  71.7 KiB  SIGXCPU in spin (prog)
2022-02-23 08:23:16   2h  web server.v1       7  1000  SIGSEGV  missing         -  SIGSEGV in deep3 (web server.v1)`
        .slice(1)
    )
  })

  it("shows pods, and nodes if there are several", () => {
    assert.strictEqual(
      formatCoresTable(podCores, { ...options, width: 140 }),
      `
TIME                 AGE  NAMESPACE    POD                                           NODE   PROGRAM     PID  UID  SIGNAL   STATE        SIZE
2022-02-23 08:23:16   2h  demo         po-prog-oam-0                                 ocp-6  prog     207856    0  SIGXCPU  present  71.7 KiB
2022-02-23 08:23:16   2h  kube-system  a-much-longer-name-of-a-pod-6d4cf56db6-x2x7p  ocp-7  prog     207856    0  SIGXCPU  present  71.7 KiB`
        .slice(1)
    )
  })

  it("removes columns on a narrow terminal", () => {
    assert.strictEqual(
      formatCoresTable(podCores, { ...options, width: 80 }),
      `
AGE  NAMESPACE    POD                PROGRAM     PID  SIGNAL   STATE        SIZE
 2h  demo         po-prog-oam-0      prog     207856  SIGXCPU  present  71.7 KiB
 2h  kube-system  a-much-longer-na…  prog     207856  SIGXCPU  present  71.7 KiB`.slice(1)
    )
  })

  it("is never wider than the terminal, down to 56 columns", () => {
    for (let width = 56; width <= 220; width++) {
      for (const line of formatCoresTable([...hostCores, ...podCores], { ...options, width }).split("\n")) {
        assert.isAtMost(displayWidth(line), width)
      }
    }
  })

  it("shows all columns uncut with wide", () => {
    const text = formatCoresTable(podCores, { ...options, wide: true, width: 40 })
    assert.include(text, "a-much-longer-name-of-a-pod-6d4cf56db6-x2x7p")
    assert.include(text, podCores[0]!.id)
    assert.include(text, "/usr/bin/prog")
  })

  it("escapes hostile names", () => {
    assert.include(formatCoresTable([core({ COREDUMP_COMM: "\u001b[2J\n" })], options), "\\x1b[2J\\n")
  })
})

describe("layOutCoresTable", () => {
  it("keeps the layout for later rows", () => {
    const table = layOutCoresTable(hostCores, { ...options, width: 120 })
    const row = table.row(core({ ...host, COREDUMP_COMM: "a-name-longer-than-all" }), now)
    assert.strictEqual(row.indexOf("207856"), table.header.indexOf("PID") - 3)
  })

  it("colors the state", () => {
    const table = layOutCoresTable(hostCores, { ...options, color: true })
    assert.include(table.row(hostCores[1]!, now), "\u001b[2mmissing\u001b[0m")
    assert.notInclude(table.row(hostCores[0]!, now), "\u001b")
  })
})
