import { assert, describe, it } from "@effect/vitest"
import { crashSignature, crashTitle, parseArchitecture, parseStackTrace } from "@koredump/core"

// Real messages of systemd 252, addresses shortened
const deep = `Process 12118 (deep) of user 0 dumped core.

Stack trace of thread 12118:
#0  0x00005567864a917b deep3 (deep + 0x117b)
#1  0x00005567864a919d deep2 (deep + 0x119d)
#2  0x00005567864a921b main (deep + 0x121b)
#3  0x00007f9689a9724a __libc_start_call_main (libc.so.6 + 0x2724a)
ELF object binary architecture: AMD x86-64
`

const aborted = `Process 12183 (aborts) of user 0 dumped core.

Stack trace of thread 12183:
#0  0x00007fae32e0eeec __pthread_kill_implementation (libc.so.6 + 0x8aeec)
#1  0x00007fae32dbffb2 __GI_raise (libc.so.6 + 0x3bfb2)
#2  0x00007fae32daa472 __GI_abort (libc.so.6 + 0x26472)
#3  0x00007fae32daa395 __assert_fail_base (libc.so.6 + 0x26395)
#4  0x00007fae32db8ec2 __GI___assert_fail (libc.so.6 + 0x34ec2)
#5  0x000055f538cb5172 check (aborts + 0x1172)
#6  0x000055f538cb5183 main (aborts + 0x1183)
`

const threads = `Process 12158 (threads) of user 0 dumped core.

Stack trace of thread 12171:
#0  0x000055c49e1b91b7 worker_step (threads + 0x11b7)
#1  0x00007fbfe1d2d1f5 start_thread (libc.so.6 + 0x891f5)

Stack trace of thread 12158:
#0  0x00007fbfe1d29f16 __futex_abstimed_wait_common64 (libc.so.6 + 0x85f16)
ELF object binary architecture: AMD x86-64
`

const notStored = "Process 12406 (deep) of user 0 terminated abnormally without generating a coredump."

// Shapes of other versions of systemd
const withModules = `Process 7 (app) of user 1000 dumped core.

Module linux-vdso.so.1 with build-id 0a0b
Module [dso] libfoo.so.1 from rpm foo-1.0-1.fc38.x86_64 with build-id 0c0d
Found module /usr/lib/libbar.so.2 with build-id: 0e0f
Module app without build-id.
Stack trace of thread 7:
#0  0x0000000000401136 std::vector<int, std::allocator<int> >::at(unsigned long) (libfoo.so.1 + 0x1136)
#1  0x0000000000401140 operator() (/opt/app/bin/app + 0x1140)
#2  0x00007f0000000001 n/a (libbar.so.2 + 0x1)
#3  0x00007f0000000002 n/a (n/a + 0x0)
#4  0x00007f0000000003 n/a (n/a)
#5  0x00007f0000000004 alone
`

// systemd 252, a program that was removed while it ran
const removed = `Process 10462 (del eted) of user 0 dumped core.

Module /opt/demo/bin/del eted (deleted) with build-id 0a1b
Stack trace of thread 10462:
#0  0x00007f84e325deec __pthread_kill_implementation (libc.so.6 + 0x8aeec)
#1  0x00007f84e320efb2 __GI_raise (libc.so.6 + 0x3bfb2)
#2  0x00007f84e31f9472 n/a (libc.so.6 + 0x26472)
#3  0x000055f3381c7186 n/a (/opt/demo/bin/del eted (deleted) + 0x1186)
#4  0x00007f84e31fa24a __libc_start_call_main (libc.so.6 + 0x2724a)
`

describe("parseStackTrace", () => {
  it("parses frames, the innermost first", () => {
    assert.deepStrictEqual(parseStackTrace(deep)?.threads.map(({ frames, tid }) => [tid, frames.length]), [[12_118, 4]])
    assert.deepStrictEqual(parseStackTrace(deep)?.threads[0]?.frames[0], {
      address: "0x00005567864a917b",
      function: "deep3",
      module: "deep",
      offset: "0x117b"
    })
  })

  it("parses all threads, the crashed one first", () => {
    assert.deepStrictEqual(parseStackTrace(threads)?.threads.map(({ tid }) => tid), [12_171, 12_158])
  })

  it("parses C++ names, build IDs and frames with unknown parts", () => {
    assert.deepStrictEqual(parseStackTrace(withModules)?.threads[0]?.frames, [
      {
        address: "0x0000000000401136",
        function: "std::vector<int, std::allocator<int> >::at(unsigned long)",
        module: "libfoo.so.1",
        offset: "0x1136",
        build_id: "0c0d"
      },
      { address: "0x0000000000401140", function: "operator()", module: "/opt/app/bin/app", offset: "0x1140" },
      { address: "0x00007f0000000001", module: "libbar.so.2", offset: "0x1", build_id: "0e0f" },
      { address: "0x00007f0000000002", offset: "0x0" },
      { address: "0x00007f0000000003" },
      { address: "0x00007f0000000004", function: "alone" }
    ])
  })

  it("parses a module whose file was deleted", () =>
    assert.deepStrictEqual(parseStackTrace(removed)?.threads[0]?.frames[3], {
      address: "0x000055f3381c7186",
      module: "/opt/demo/bin/del eted",
      offset: "0x1186",
      build_id: "0a1b"
    }))

  it("reads build IDs from COREDUMP_PACKAGE_JSON and ignores other content", () => {
    const json = "{\"elfType\":\"coredump\",\"/opt/app/bin/app\":{\"type\":\"deb\",\"buildId\":\"1234\"},\"x\":null}"
    assert.strictEqual(parseStackTrace(withModules, json)?.threads[0]?.frames[1]?.build_id, "1234")
    for (const other of ["", "null", "[]", "{"]) assert.isDefined(parseStackTrace(deep, other))
  })

  it("returns undefined without a stack trace", () => {
    for (const message of [notStored, "", "#0 0x1 f (m + 0x1)"]) assert.isUndefined(parseStackTrace(message))
  })

  it("limits output and time", () => {
    const frames = Array.from({ length: 5000 }, (_, i) => `#${i}  0x1 f${" (".repeat(2000)} + 0x1)`).join("\n")
    const stack = parseStackTrace(`Stack trace of thread 1:\n${frames}\n` + "Stack trace of thread 2:\n".repeat(5000))
    assert.strictEqual(stack?.threads[0]?.frames.length, 1024)
    assert.strictEqual(stack?.threads.length, 1024)
    const thread = `Stack trace of thread 1:\n${"#0  0x1 f (m + 0x1)\n".repeat(500)}`
    const many = parseStackTrace(thread.repeat(20))
    assert.strictEqual(many?.threads.flatMap(({ frames }) => frames).length, 4096)
    assert.strictEqual(many?.threads.length, 20)
  })
})

it("parses the architecture", () => {
  assert.strictEqual(parseArchitecture(deep), "x86_64")
  assert.isUndefined(parseArchitecture(notStored))
  assert.isUndefined(parseArchitecture("ELF object binary architecture: something new"))
})

describe("crashTitle", () => {
  it.each([
    ["SIGSEGV", "crashme", deep, "SIGSEGV in deep3 (crashme)"],
    ["SIGABRT", "aborts", aborted, "SIGABRT in check (aborts)"],
    ["SIGSEGV", "stripped", "Stack trace of thread 1:\n#0  0x1 n/a (stripped + 0x1)\n", "SIGSEGV in stripped"],
    ["SIGABRT", "del eted", removed, "SIGABRT in del eted"],
    ["SIGABRT", "aborts", aborted.replace("__pthread_kill_implementation", "n/a"), "SIGABRT in check (aborts)"],
    ["SIGABRT", "aborts", aborted.replace("__GI_abort", "n/a"), "SIGABRT in check (aborts)"],
    ["SIGSEGV", "deep", notStored, "SIGSEGV in deep"]
  ])(
    "%s of %s",
    (signal, program, message, title) =>
      assert.strictEqual(crashTitle(signal, program, parseStackTrace(message)), title)
  )
})

const signature = (message: string, exe = "/opt/demo/bin/deep") => crashSignature(exe, parseStackTrace(message))

describe("crashSignature", () => {
  it("starts with a version", () => assert.match(signature(deep)!, /^v1-[0-9a-f]{32}$/))

  it("does not depend on addresses, offsets, process IDs or the directory of a module", () => {
    const again = deep.replaceAll("0x00005567864a", "0x0000aaaabbbb").replaceAll("12118", "99")
      .replaceAll("(deep + 0x11", "(/opt/demo/bin/deep + 0x22")
    assert.strictEqual(signature(again), signature(deep))
    assert.strictEqual(signature(deep, "/opt/demo/bin/deep (deleted)"), signature(deep))
  })

  it("differs for different causes", () => {
    assert.notStrictEqual(signature(deep.replace("deep3", "other")), signature(deep))
    assert.notStrictEqual(signature(deep, "/opt/demo/bin/other"), signature(deep))
    assert.notStrictEqual(signature(aborted), signature(deep))
  })

  it("ignores the innermost frames of an abort", () => {
    const otherLibc = aborted.replace("__pthread_kill_implementation", "pthread_kill").replace("__GI_raise", "raise")
    assert.strictEqual(signature(otherLibc), signature(aborted))
  })

  it("returns undefined without a stack trace", () => assert.isUndefined(signature(notStored)))
})
