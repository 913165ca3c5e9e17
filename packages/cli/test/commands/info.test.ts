import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeShell, noon, otherCoreNotice, stored, withUnreachableNode } from "../fixtures.ts"

const stack = {
  threads: [
    {
      tid: 4242,
      frames: [{ address: "0x1", function: "deep3", module: "prog", offset: "0x1139" }, { address: "0x2" }]
    },
    { tid: 4243, frames: [{ address: "0x3", function: "wait", module: "libc.so.6", offset: "0x9" }] }
  ]
}

const podCore = stored({
  comm: "web server",
  pid: 4242,
  compression: "zstd",
  fields: {
    title: "SIGSEGV in deep3 (web server)",
    namespace: "demo",
    pod: "web-1",
    pod_uid: "1111",
    container: "app",
    image_name: "registry.example/web:1",
    workload: "Deployment/web",
    COREDUMP_EXE: "/usr/bin/web server",
    COREDUMP_CMDLINE: "web --port \u001b[31m80",
    COREDUMP_GID: 7,
    COREDUMP_ENVIRON: "SECRET=1",
    stack
  }
})

describe("koredumpctl info", () => {
  it.effect("prints everything as text", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([podCore])
      const { code, stderr, stdout } = yield* run("info", "--server", "http://x:5000", "4242")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.strictEqual(
        stdout,
        `SIGSEGV in deep3 (web server)

       Program: /usr/bin/web server
  Command line: web --port \\x1b[31m80
       Process: PID 4242, name web server, UID 0, GID 7
        Signal: SIGSEGV (11), invalid memory reference
          Time: 2023-11-14 22:13:20 +00:00 (60m ago)
     Namespace: demo
           Pod: web-1, uid 1111
     Container: app
      Workload: Deployment/web
         Image: registry.example/web:1
          Node: node-1
         State: present
        Stored: 5 B (5 bytes), zstd
            ID: core.web\\x20server.0.0123456789abcdef0123456789abcdef.4242.1700000000000000.zst

Crashed thread 4242:
   #0  deep3 (prog + 0x1139)
   #1  ?? (0x2)

Thread 4243:
   #0  wait (libc.so.6 + 0x9)

Download:  koredumpctl get -d --server http://x:5000 'core.web\\x20server.0.0123456789abcdef0123456789abcdef.4242.1700000000000000.zst'
Debug:     gdb '/usr/bin/web server' 'core.web\\x20server.0.0123456789abcdef0123456789abcdef.4242.1700000000000000'
More with -o json: environ`
      )
    }))

  it.effect.each([
    "-ex=shell id",
    "prog",
    "./-ex",
    "",
    "/bin/a\u001b[2J",
    "/bin/a\n-ex",
    "/bin/a\u{e0041}",
    "/bin/a\\'; id; '"
  ])("prints no command to copy for the executable %j", (exe) =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([stored({ comm: "web", pid: 1, fields: { COREDUMP_EXE: exe } })])
      const { stdout } = yield* run("info", "-1")
      assert.match(stdout, /^Download: {2}koredumpctl get -d core\.web\./m)
      assert.notMatch(stdout, /^Debug:/m)
    }))

  it.effect("prints no command to copy that contains a URL with hidden characters", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([stored({ comm: "web", pid: 1 })])
      assert.notInclude((yield* run("info", "-1", "--server", "http://x/\u202e")).stdout, "Download:")
      assert.include(
        (yield* run("info", "-1", "--server", "http://x/$(id)'")).stdout,
        "Download:  koredumpctl get -d --server 'http://x/$(id)'\\''' core.web."
      )
    }))

  it.effect("prints the reason why a core is missing", () =>
    Effect.gen(function*() {
      const lost = { comm: "lost", pid: 3, time: noon, fields: { reason: "The core file is gone." } }
      const { run } = yield* makeShell([lost])
      assert.match((yield* run("info", "lost")).stdout, /^ *State: missing: The core file is gone\.$/m)
    }))

  it.effect("prints all fields as JSON and YAML", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([podCore])
      const core = JSON.parse((yield* run("info", "web server", "-o", "json")).stdout)
      assert.deepStrictEqual([core.COREDUMP_ENVIRON, core.stack], ["SECRET=1", stack])
      assert.match((yield* run("info", "-1", "-o", "yaml")).stdout, /COREDUMP_ENVIRON: SECRET=1/)
    }))

  it.effect("lists the cores if a name matches several", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([
        stored({ comm: "web", pid: 1, time: noon }),
        stored({ comm: "web", pid: 2, time: noon + 1_000_000 })
      ])
      const { code, stderr, stdout } = yield* run("info", "web")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /PROGRAM +PID .*\n.* web +1 .*\n.* web +2 /)
      assert.match(stderr, /koredumpctl: 2 cores match "web"\.\n/)
      assert.match((yield* run("info", "web", "-1")).stdout, /PID 2,/)
      assert.match(
        (yield* run("info", "node-1", "core.web.0.0123456789abcdef0123456789abcdef.1.1700000000000000")).stdout,
        /PID 1,/
      )
    }))

  it.effect("shows the core that matches the filters", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([podCore, stored({ comm: "other", pid: 9 })])
      assert.match((yield* run("info", "-p", "web-1")).stdout, /PID 4242/)
    }))

  const id = "core.web\\x20server.0.0123456789abcdef0123456789abcdef.4242.1700000000000000"
  const withNodeUnreachable: ReadonlyArray<readonly [argv: ReadonlyArray<string>, code: number, stderr: string]> = [
    [["-1"], 3, otherCoreNotice],
    [["4242"], 3, otherCoreNotice],
    [["web server", "-o", "json"], 3, otherCoreNotice],
    [["-p", "web-1", "-o", "yaml"], 3, otherCoreNotice],
    [["core.web"], 3, otherCoreNotice],
    [[id], 0, ""],
    [[`${id}.zst`, "-1"], 0, ""],
    [["node-1", `${id}.zst`], 0, ""]
  ]
  for (const [argv, expected, notice] of withNodeUnreachable) {
    it.effect(`\`info ${argv.join(" ")}\` shows the core and exits with ${expected} if a node is unreachable`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell([podCore], { wrap: withUnreachableNode })
        const { code, stderr, stdout } = yield* run("info", ...argv)
        assert.deepStrictEqual([code, stderr], [expected, notice])
        assert.match(stdout, /4242/)
      }))
  }

  const unknown: ReadonlyArray<ReadonlyArray<string>> = [
    ["nobody"],
    ["../../etc/passwd"],
    ["core.web.0.0123456789abcdef0123456789abcdef.1.1"],
    ["node-1", "core.web.0.0123456789abcdef0123456789abcdef.1.1"],
    ["-1", "-n", "nowhere"]
  ]
  for (const argv of unknown) {
    it.effect(`\`info ${argv.join(" ")}\` exits with 4`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell([podCore])
        const { code, stderr, stdout } = yield* run("info", ...argv)
        assert.deepStrictEqual([code, stdout], [4, ""])
        assert.match(stderr, /^koredumpctl: (No core found|Core not found)/)
      }))
  }
})
