import { assert, describe, it } from "@effect/vitest"
import { decodeEntry, decodeMetadata, isTrusted, type JournalEntryInfo } from "../../src/journal/decodeEntry.ts"
import type { RawEntry } from "../../src/journal/decodeJournalExport.ts"
import { fixtureCases, fixtureEntries, fixtureEntry, fixtureText, rawEntry, withFields } from "../support/fixtures.ts"

const host = { coredumpUid: 995, machine: "riscv64" }
const read = (entry: RawEntry): JournalEntryInfo => decodeEntry(entry, host)!

const bootId = "751c449cf1bc47708e93be6dfdbb55a0"
const podUid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"

const line = (uid: string, id: string) => `:memory:/kubepods/burstable/pod${uid}/${id.repeat(64)}`
const pod = (lines: ReadonlyArray<string>) =>
  read(withFields(fixtureEntry("deep"), { COREDUMP_PROC_CGROUP: lines.join("\n") }))

describe("decodeEntry", () => {
  it("trusts every real entry, with and without passwd", () => {
    for (const coredumpUid of [995, undefined]) {
      for (const entry of fixtureEntries) assert.isTrue(isTrusted(entry, { ...host, coredumpUid }))
    }
  })

  it("uses the file names of systemd-coredump as core IDs", () => {
    const files = fixtureText("files.txt").trim().split("\n").map((line) =>
      line.replace(/ \d+ \d+$/, "").slice("/var/lib/systemd/coredump/".length)
    )
    const stored = fixtureEntries.filter((entry) => entry.has("COREDUMP_FILENAME")).map((entry) => read(entry).id)
    assert.deepStrictEqual<ReadonlyArray<string>>(stored, files)
  })

  it("derives the same core IDs from other fields", () => {
    for (const entry of fixtureEntries) {
      const built = read(withFields(entry, { COREDUMP_FILENAME: undefined })).id
      assert.strictEqual(built, read(entry).id.replace(/\.zst$/, ""))
    }
  })

  it("decodes the fields of a crash", () => {
    const { cursor, fields, id, missingReason, truncated } = read(fixtureEntry("deep"))
    assert.strictEqual(id, `core.deep.0.${bootId}.12118.1795425477000000.zst`)
    assert.match(cursor, /^s=[0-9a-f]{32};i=/)
    assert.isFalse(truncated)
    assert.strictEqual(missingReason, "The core file is gone (deleted or vacuumed).")
    assert.deepInclude(fields, {
      COREDUMP_PID: 12118,
      COREDUMP_UID: 0,
      COREDUMP_GID: 0,
      COREDUMP_SIGNAL: 11,
      COREDUMP_SIGNAL_NAME: "SIGSEGV",
      COREDUMP_TIMESTAMP: "2026-11-23T09:17:57Z",
      COREDUMP_EXE: "/opt/demo/bin/deep",
      COREDUMP_CGROUP: "/system.slice/demo.service",
      _BOOT_ID: bootId,
      ARCH: "x86_64",
      title: "SIGSEGV in deep3 (deep)"
    })
    assert.match(fields.signature!, /^v1-[0-9a-f]{32}$/)
    for (const heavy of ["MESSAGE", "COREDUMP_ENVIRON", "COREDUMP_PROC_CGROUP", "pod_uid"]) {
      assert.notProperty(fields, heavy)
    }
  })

  it("has a reason for a missing core", () => {
    const { fields, missingReason } = read(fixtureEntry("rlimit0"))
    assert.strictEqual(
      missingReason,
      "The core size limit of the process (RLIMIT_CORE) did not allow a core."
    )
    assert.strictEqual(fields.ARCH, "riscv64")
    assert.match(
      read(withFields(fixtureEntry("deep"), { COREDUMP_FILENAME: undefined })).missingReason,
      /^systemd-coredump did not store the core\. Check Storage=/
    )
  })

  it("detects a truncated core", () => {
    assert.isTrue(read(fixtureEntry("truncated")).truncated)
  })

  it.each(["pod", "pod-user-1000", "pod-cgroupfs", "pod-crio-crun"])("decodes the pod of case %s", (name) => {
    const { fields, pod } = read(fixtureEntry(name))
    assert.match(pod!.podUid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
    assert.match(pod!.containerId!, /^[0-9a-f]{64}$/)
    assert.include(fields.COREDUMP_CGROUP, "kubepods")
  })

  it("uses the other cgroup hierarchies for the pod, unless they disagree", () => {
    const other = podUid.replace("dde", "abc")
    const one = pod(["1:name=systemd:/system.slice", `2${line(podUid, "a")}`, `3${line(podUid, "a")}`, ""])
    assert.deepStrictEqual(one.pod, { podUid, containerId: "a".repeat(64) })
    assert.isUndefined(pod([`2${line(podUid, "a")}`, `3${line(other, "a")}`]).pod)
    assert.isUndefined(pod([`2${line(podUid, "a")}`, `3${line(podUid, "b")}`]).pod)
  })

  // COREDUMP_CGROUP of these entries is /system.slice/demo.service
  it.each([
    ["no pod anywhere", ["0::/system.slice/demo.service"], true],
    ["a pod in another hierarchy", [`2${line(podUid, "a")}`], true],
    ["two pods", [`2${line(podUid, "a")}`, `3${line(podUid.replace("dde", "abc"), "a")}`], false],
    ["two containers", [`2${line(podUid, "a")}`, `3${line(podUid, "b")}`], false],
    ["an unknown cgroup of the kubelet", ["2:memory:/kubepods/burstable/unheard-of"], false]
  ])("leaves out a misleading COREDUMP_CGROUP: %s", (_, lines, shown) => {
    const entry = withFields(fixtureEntry("deep"), { COREDUMP_PROC_CGROUP: lines.join("\n") })
    assert.strictEqual("COREDUMP_CGROUP" in read(entry).fields, shown)
    assert.strictEqual("COREDUMP_CGROUP" in decodeMetadata(entry).fields, shown)
  })

  it("has no pod if the cgroup hierarchies contradict each other", () => {
    const path = `/kubepods/burstable/pod${podUid}/${"a".repeat(64)}`
    const entry = withFields(fixtureEntry("deep"), {
      COREDUMP_CGROUP: path,
      COREDUMP_PROC_CGROUP: `2${line(podUid, "b")}`
    })
    const { fields, pod } = read(entry)
    assert.isUndefined(pod)
    assert.strictEqual(fields.COREDUMP_CGROUP, path)
  })

  it("decodes entries with any bytes, and limits their fields", () => {
    const entry = rawEntry({
      __CURSOR: "c",
      COREDUMP_PID: "1",
      COREDUMP_UID: "4294967295",
      COREDUMP_GID: "-1",
      COREDUMP_SIGNAL: "eleven",
      COREDUMP_TIMESTAMP: "1598546178000000000000",
      COREDUMP_COMM: Uint8Array.of(0xff, 0x2f, 0x20),
      COREDUMP_CMDLINE: "x".repeat(1 << 20),
      COREDUMP_EXE: "",
      _BOOT_ID: bootId
    })
    const { fields, id } = read(entry)
    assert.strictEqual(id, `core.\\xff\\x2f\\x20.4294967295.${bootId}.1.1598546178000000000000`)
    assert.strictEqual(fields.COREDUMP_COMM, "\ufffd/ ")
    assert.strictEqual(fields.COREDUMP_CMDLINE, `${"x".repeat(1024)}…`)
    for (const bad of ["COREDUMP_GID", "COREDUMP_SIGNAL", "COREDUMP_TIMESTAMP", "COREDUMP_EXE", "title"]) {
      assert.notProperty(fields, bad)
    }
  })

  it.each<readonly [string, Readonly<Record<string, string | undefined>>]>([
    ["no PID", { COREDUMP_PID: undefined }],
    ["no time", { COREDUMP_TIMESTAMP: undefined }],
    ["an invalid boot ID", { _BOOT_ID: "x" }],
    ["a name that is too long", { COREDUMP_COMM: "x".repeat(300) }],
    ["no cursor", { __CURSOR: undefined }]
  ])("rejects an entry with %s", (_, fields) => {
    assert.isUndefined(decodeEntry(withFields(fixtureEntry("rlimit0"), fields), host))
  })

  it("does not use the path of another file as core ID", () => {
    const entry = read(withFields(fixtureEntry("deep"), { COREDUMP_FILENAME: "/etc/passwd" }))
    assert.strictEqual(entry.id, `core.deep.0.${bootId}.12118.1795425477000000`)
  })

  it.each([["ASCII", "x"], ["two bytes", "é"], ["three bytes", "中"], ["four bytes", "😀"], ["invalid", "\xff"]])(
    "shortens a text after 1,024 characters: %s",
    (_, char) => {
      const bytes = Buffer.from(char.repeat(2000), char === "\xff" ? "latin1" : "utf8")
      const { COREDUMP_EXE, title } = read(withFields(fixtureEntry("deep"), {})).fields
      assert.isDefined(title)
      assert.isString(COREDUMP_EXE)
      const { fields } = read(new Map([...fixtureEntry("deep"), ["COREDUMP_EXE", bytes]]))
      assert.strictEqual(fields.COREDUMP_EXE, `${bytes.toString("utf8").slice(0, 1024)}…`)
    }
  )

  it("keeps the part of a cgroup path that decides who may see the core", () => {
    const path = `${"/long".repeat(400)}/kubepods/x`
    const entry = withFields(fixtureEntry("deep"), { COREDUMP_CGROUP: path, COREDUMP_PROC_CGROUP: undefined })
    assert.strictEqual(read(entry).fields.COREDUMP_CGROUP, path)
  })

  it("shortens the title: a function can have a name of any length", () => {
    const message = `x\nStack trace of thread 1:\n#0  0x1 ${"f".repeat(3000)} (deep + 0x1)\n`
    assert.isAtMost(read(withFields(fixtureEntry("deep"), { MESSAGE: message })).fields.title!.length, 1025)
  })

  it("decodes the heavy fields without shortening them", () => {
    for (const name of fixtureCases.keys()) {
      const metadata = decodeMetadata(fixtureEntry(name)).fields
      assert.strictEqual(String(metadata["MESSAGE"]).trimEnd(), fixtureText(`messages/${name}.txt`).trimEnd(), name)
      assert.strictEqual("stack" in metadata, name !== "rlimit0", name)
      assert.isString(metadata["COREDUMP_ENVIRON"])
    }
  })
})
