import { assert, describe, it } from "@effect/vitest"
import { formatBlock } from "../../src/cores/formatBlock.ts"
import { core } from "../fixtures.ts"

describe("formatBlock", () => {
  it("has the format of koredump 0.4", () => {
    assert.strictEqual(
      formatBlock(core()),
      `- ID: core.prog.0.e36680b3d32e4f4f9899d72d34fe5fb3.207856.1638186984000000.lz4
  Node: ocp-6
  Cmdline: "/usr/bin/prog -a"
  COMM: "prog" | PID: 207856 | UID: 0 | GID: 0
  Pod: po-prog-oam-0 | Container: ctr-prog | Namespace: demo
  Image: registry.example/demo/prog:1.2.0
  Signal: SIGXCPU (24)
  Timestamp: 2022-02-23T08:23:16Z`
    )
  })

  it("omits unknown fields, and shows the state of a missing core", () => {
    assert.strictEqual(
      formatBlock(core({
        state: "missing",
        reason: "vacuumed",
        pod: undefined,
        container: undefined,
        namespace: undefined,
        image_name: undefined,
        COREDUMP_CMDLINE: undefined,
        COREDUMP_GID: undefined,
        COREDUMP_SIGNAL: 40,
        COREDUMP_SIGNAL_NAME: undefined
      })),
      `- ID: core.prog.0.e36680b3d32e4f4f9899d72d34fe5fb3.207856.1638186984000000.lz4
  Node: ocp-6
  COMM: "prog" | PID: 207856 | UID: 0
  Signal: 40
  Timestamp: 2022-02-23T08:23:16Z
  State: missing | Reason: vacuumed`
    )
  })

  it("keeps a hostile command line on one line", () => {
    assert.include(
      formatBlock(core({ COREDUMP_CMDLINE: "x\u001b[2J\n- ID: forged" })),
      `  Cmdline: "x\\x1b[2J\\n- ID: forged"\n`
    )
  })
})
