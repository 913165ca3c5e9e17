import { assert, describe, it } from "@effect/vitest"
import { coredumpUid, isCoredumpWriter, type Writer } from "../../src/journal/journalTrust.ts"

const exe = "/usr/lib/systemd/systemd-coredump"
const unit = "systemd-coredump@0-1-0.service"
const cgroup = `/system.slice/system-systemd\\x2dcoredump.slice/${unit}`
const pod = "/kubepods.slice/kubepods-pod019c1fe8_0d92_4aa0_b61c_4df58bdde71c.slice/cri-containerd-" + "0".repeat(64) +
  ".scope"

const writer = (fields: Partial<Writer>): Writer => ({
  uid: undefined,
  exe: undefined,
  unit: undefined,
  cgroup: undefined,
  ...fields
})

describe("JournalTrust", () => {
  it.each<readonly [string, Partial<Writer>, boolean]>([
    ["systemd-coredump's user", { uid: 995, exe, unit, cgroup }, true],
    ["root", { uid: 0, exe, unit, cgroup }, true],
    ["gone before journald read its path", { uid: 995, unit, cgroup }, true],
    ["as the crashed user", { uid: 1000, exe, unit, cgroup }, true],
    ["as the crashed user, path not read", { uid: 1000, unit, cgroup }, true],
    ["as another user than the crashed", { uid: 1001, unit, cgroup }, false],
    ["another program in the unit", { uid: 0, exe: "/usr/bin/logger", unit, cgroup }, false],
    ["run by the kernel", { uid: 995, exe, cgroup: "/" }, true],
    ["run by the kernel, other layout", { uid: 0, exe: "/lib/systemd/systemd-coredump", cgroup: "/init.scope" }, true],
    ["run by the kernel, upgraded meanwhile", { uid: 0, exe: `${exe} (deleted)`, cgroup: "/" }, true],
    ["root in a pod with that path", { uid: 0, exe, cgroup: pod }, false],
    ["root in a pod with that path and unit", { uid: 0, exe, unit, cgroup: `${pod}/system.slice/${unit}` }, false],
    ["root, gone before journald looked for the cgroup", { uid: 0, exe }, false],
    ["nothing but the uid", { uid: 995 }, false],
    ["no uid", { exe, unit, cgroup }, false],
    ["a user's logger", { uid: 1000, exe: "/usr/bin/logger", unit: "user@1000.service", cgroup: "/user.slice" }, false],
    ["a user's own systemd-coredump", { uid: 1000, exe, unit: "user@1000.service", cgroup: "/user.slice" }, false],
    [
      "a service's own systemd-coredump",
      { uid: 33, exe, unit: "web.service", cgroup: "/system.slice/web.service" },
      false
    ],
    ["a service of a like name", { uid: 33, exe, unit: "systemd-coredump.service", cgroup: "/system.slice/x" }, false],
    ["a program of a like name", { uid: 0, exe: "/tmp/systemd-coredump", cgroup: "/" }, false],
    ["a program below another root", { uid: 0, exe: `/tmp${exe}`, cgroup: "/" }, false]
  ])("%s: with the host's passwd and without", (_, fields, believed) => {
    assert.strictEqual(isCoredumpWriter(writer(fields), 1000, 995), believed)
    assert.strictEqual(isCoredumpWriter(writer(fields), 1000, undefined), believed)
  })

  it("without a service manager a known uid of systemd-coredump suffices", () => {
    const fields = writer({ uid: 995, exe, cgroup: "/docker/abc" })
    assert.isTrue(isCoredumpWriter(fields, 0, 995))
    assert.isFalse(isCoredumpWriter(fields, 0, 103))
    assert.isFalse(isCoredumpWriter(fields, 0, undefined))
  })

  it("finds systemd-coredump's uid in a passwd", () => {
    assert.strictEqual(
      coredumpUid("root:x:0:0::/root:/bin/sh\nsystemd-coredump:x:995:995:systemd Core Dumper:/:/usr/sbin/nologin\n"),
      995
    )
    assert.isUndefined(coredumpUid("root:x:0:0::/root:/bin/sh\nxsystemd-coredump:x:1:1::/:\n"))
  })
})
