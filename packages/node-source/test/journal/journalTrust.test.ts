import { assert, describe, it } from "@effect/vitest"
import { isCoredumpWriter, parseCoredumpUid, type Writer } from "../../src/journal/journalTrust.ts"

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

describe("journalTrust", () => {
  it.each<readonly [string, Partial<Writer>, boolean]>([
    ["user systemd-coredump", { uid: 995, exe, unit, cgroup }, true],
    ["root", { uid: 0, exe, unit, cgroup }, true],
    ["ended before journald read its path", { uid: 995, unit, cgroup }, true],
    ["the crashed user", { uid: 1000, exe, unit, cgroup }, true],
    ["the crashed user, path unknown", { uid: 1000, unit, cgroup }, true],
    ["another user than the crashed one", { uid: 1001, unit, cgroup }, false],
    ["another program in the unit", { uid: 0, exe: "/usr/bin/logger", unit, cgroup }, false],
    ["started by the kernel", { uid: 995, exe, cgroup: "/" }, true],
    [
      "started by the kernel, other path",
      { uid: 0, exe: "/lib/systemd/systemd-coredump", cgroup: "/init.scope" },
      true
    ],
    ["started by the kernel, program replaced by an upgrade", { uid: 0, exe: `${exe} (deleted)`, cgroup: "/" }, true],
    ["root in a pod with that path", { uid: 0, exe, cgroup: pod }, false],
    ["root in a pod with that path and unit", { uid: 0, exe, unit, cgroup: `${pod}/system.slice/${unit}` }, false],
    ["root, ended before journald read its cgroup", { uid: 0, exe }, false],
    ["root in a Docker container", { uid: 0, exe, cgroup: `/docker/${"0".repeat(64)}` }, false],
    ["root in a Docker container, systemd driver", {
      uid: 0,
      exe,
      unit: `docker-${"0".repeat(64)}.scope`,
      cgroup: `/system.slice/docker-${"0".repeat(64)}.scope`
    }, false],
    ["root in a Podman container", {
      uid: 0,
      exe,
      unit: `libpod-${"0".repeat(64)}.scope`,
      cgroup: `/machine.slice/libpod-${"0".repeat(64)}.scope`
    }, false],
    ["user systemd-coredump in a container", { uid: 995, exe, cgroup: "/docker/abc" }, false],
    ["root in a cgroup with a similar name", { uid: 0, exe, cgroup: "/init.scope/x" }, false],
    [
      "root in a session",
      { uid: 0, exe, unit: "session-1.scope", cgroup: "/user.slice/user-0.slice/session-1.scope" },
      false
    ],
    ["only a UID", { uid: 995 }, false],
    ["no UID", { exe, unit, cgroup }, false],
    ["logger started by a user", {
      uid: 1000,
      exe: "/usr/bin/logger",
      unit: "user@1000.service",
      cgroup: "/user.slice"
    }, false],
    ["systemd-coredump started by a user", { uid: 1000, exe, unit: "user@1000.service", cgroup: "/user.slice" }, false],
    [
      "systemd-coredump started by a service",
      { uid: 33, exe, unit: "web.service", cgroup: "/system.slice/web.service" },
      false
    ],
    [
      "a service with a similar name",
      { uid: 33, exe, unit: "systemd-coredump.service", cgroup: "/system.slice/x" },
      false
    ],
    ["a program with the same name", { uid: 0, exe: "/tmp/systemd-coredump", cgroup: "/" }, false],
    ["a program with this path in another root", { uid: 0, exe: `/tmp${exe}`, cgroup: "/" }, false]
  ])("%s, with and without a passwd file", (_, fields, isTrusted) => {
    assert.strictEqual(isCoredumpWriter(writer(fields), 1000, 995), isTrusted)
    assert.strictEqual(isCoredumpWriter(writer(fields), 1000, undefined), isTrusted)
  })

  it("outside of a unit, the UID of systemd-coredump must be the right one", () => {
    const fields = writer({ uid: 995, exe, cgroup: "/" })
    assert.isTrue(isCoredumpWriter(fields, 0, 995))
    assert.isFalse(isCoredumpWriter(fields, 0, 103))
    // Any system user can have this UID, but there is no service in this cgroup.
    assert.isTrue(isCoredumpWriter(fields, 0, undefined))
  })

  it("parses the UID of systemd-coredump from passwd", () => {
    assert.strictEqual(
      parseCoredumpUid(
        "root:x:0:0::/root:/bin/sh\nsystemd-coredump:x:995:995:systemd Core Dumper:/:/usr/sbin/nologin\n"
      ),
      995
    )
    assert.isUndefined(parseCoredumpUid("root:x:0:0::/root:/bin/sh\nxsystemd-coredump:x:1:1::/:\n"))
  })
})
