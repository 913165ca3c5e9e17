import { assert, describe, it } from "@effect/vitest"
import {
  type CoreSource,
  Forbidden,
  NodeFailed,
  NodeTimeout,
  NotReady,
  RouteNotFound,
  Unauthorized
} from "@koredump/core"
import { Effect } from "effect"
import { makeShell, node, stored } from "../fixtures.ts"

const supported = "|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h"

const makeStatusShell = (source: Partial<CoreSource["Service"]>) => makeShell([stored()], { wrap: () => source })

describe("koredumpctl status", () => {
  it.effect("reports no problems", () =>
    Effect.gen(function*() {
      const { run } = yield* makeStatusShell({
        nodes: Effect.succeed(["a", "b"].map((name) => node(name, { agentVersion: "0.1.0", corePattern: supported })))
      })
      assert.deepStrictEqual(yield* run("status"), {
        code: 0,
        stdout: `
        Server: http://127.0.0.1:5000, answered in 0 ms
   koredumpctl: 0.0.0-dev
   Node agents: 0.1.0
         Nodes: 2 (2 ready)
         Cores: 4, 4 KiB
  Core pattern: systemd-coredump

No problems found.`.slice(1),
        stderr: ""
      })
    }))

  it.effect("describes problems, and exits with 3 if a node is unreachable", () =>
    Effect.gen(function*() {
      const { run } = yield* makeStatusShell({
        nodes: Effect.succeed([
          node("a", { agentVersion: "0.1.0", corePattern: supported }),
          node("b", { agentVersion: "0.1.0", corePattern: "core" }),
          node("c", {
            agentVersion: "0.0.9",
            state: "unreachable",
            lastError: "Cannot reach https://c (ECONNREFUSED)."
          })
        ])
      })
      assert.deepStrictEqual(yield* run("status", "--server", "https://koredump.example"), {
        code: 3,
        stdout: `
        Server: https://koredump.example, answered in 0 ms
   koredumpctl: 0.0.0-dev
   Node agents: 0.1.0 (2), 0.0.9 (1)
         Nodes: 3 (2 ready, 1 unreachable)
         Cores: 6, 6 KiB
  Core pattern: systemd-coredump (1), not systemd-coredump (1), not reported (1)

Problems:
- b: kernel.core_pattern is "core": systemd-coredump receives no cores.
  Install systemd-coredump on this node. If it is installed, run \`sysctl --system\`.
- c: unreachable: Cannot reach https://c (ECONNREFUSED).
  Its cores are not listed or may be out of date. Check that its koredump-node pod is running.`.slice(1),
        stderr: ""
      })
    }))

  it.effect("names at most five nodes", () =>
    Effect.gen(function*() {
      const { run } = yield* makeStatusShell({
        nodes: Effect.succeed(Array.from({ length: 1000 }, (_, i) => node(`n${i}`, { corePattern: "core" })))
      })
      assert.include((yield* run("status")).stdout, "\n- n0, n1, n2, n3, n4 and 995 more: kernel.core_pattern")
    }))

  it.effect("continues without the permission to list nodes", () =>
    Effect.gen(function*() {
      const { run } = yield* makeStatusShell({ nodes: Effect.fail(new Forbidden({})) })
      const { code, stdout } = yield* run("status")
      assert.strictEqual(code, 0)
      assert.match(stdout, /Nodes: hidden: [^\n]*nodecoredumps\n +Cores: 1 visible to you, 5 B\n\nNo problems found/)
      const value = JSON.parse((yield* run("status", "-o", "json")).stdout)
      assert.match(value.nodesUnavailableReason, /nodecoredumps/)
      assert.notProperty(value, "nodes")
    }))

  it.effect("continues if the server does not support nodes", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([stored()], {
        wrap: ({ list }) => ({
          nodes: Effect.fail(new RouteNotFound({})),
          list: (query) => Effect.map(list(query), (all) => ({ ...all, unreachable: ["node-2"] }))
        })
      })
      const { code, stdout } = yield* run("status")
      assert.strictEqual(code, 3)
      assert.match(stdout, /Nodes: not available from this server\n[^]*- node-2: unreachable\./)
    }))

  it.effect("prints JSON and YAML", () =>
    Effect.gen(function*() {
      const { run } = yield* makeStatusShell({ nodes: Effect.succeed([node("a", { corePattern: "core" }), node("b")]) })
      const value = JSON.parse((yield* run("status", "-o", "json")).stdout)
      assert.deepInclude(value, {
        server: "http://127.0.0.1:5000",
        version: "0.0.0-dev",
        usable: true,
        nodesByState: { ready: 2 },
        unreachable: [],
        cores: 4,
        bytes: 4096
      })
      assert.deepStrictEqual(value.nodes, [
        { ...node("a"), corePattern: "core", corePatternSupported: "no" },
        { ...node("b") }
      ])
      assert.lengthOf(value.problems, 1)
      assert.match((yield* run("status", "-o", "yaml")).stdout, /^server: http:\/\/127\.0\.0\.1:5000\n/)
    }))

  it.effect("uses koredump's Service in a pod", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([], { environment: { KUBERNETES_SERVICE_HOST: "10.96.0.1" } })
      const { stdout } = yield* run("status", "-o", "json", "--koredump-namespace", "crashes")
      assert.strictEqual(JSON.parse(stdout).server, "http://koreapi.crashes.svc.cluster.local")
    }))

  const failures: ReadonlyArray<readonly [string, Partial<CoreSource["Service"]>, number, RegExp]> = [
    [
      "cannot be reached",
      {
        nodes: Effect.fail(new NodeFailed({ detail: "Cannot reach http://x (ECONNREFUSED)." })),
        list: () => Effect.fail(new NodeFailed({ detail: "Cannot reach http://x (ECONNREFUSED)." }))
      },
      1,
      /Cannot reach http:\/\/x/
    ],
    ["does not answer in time", { nodes: Effect.fail(new NodeTimeout({ detail: "No answer." })) }, 1, /No answer/],
    ["is not ready", { nodes: Effect.fail(new NotReady({ detail: "Not synced." })) }, 1, /Not synced/],
    ["requires a token", { nodes: Effect.fail(new Unauthorized({})) }, 5, /Authentication required \(401\)/]
  ]
  for (const [name, source, expected, message] of failures) {
    it.effect(`reports that the server ${name}`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeStatusShell(source)
        const { code, stderr, stdout } = yield* run("status")
        assert.strictEqual(code, expected)
        assert.match(stdout, /Server: http:\/\/127\.0\.0\.1:5000, not usable\n +koredumpctl: /)
        assert.match(stderr, message)
        const value = JSON.parse((yield* run("status", "-o", "json")).stdout)
        assert.strictEqual(value.usable, false)
        assert.match(value.error, message)
      }))
  }
})
