import { assert, describe, it } from "@effect/vitest"
import { checkCorePattern } from "../../src/status/checkCorePattern.ts"

describe("checkCorePattern", () => {
  const cases: ReadonlyArray<readonly [string, ReturnType<typeof checkCorePattern>]> = [
    ["|/lib/systemd/systemd-coredump %P %u %g %s %t 9223372036854775808 %h", "yes"],
    ["|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d %F", "yes"],
    ["|/nix/store/abc-systemd-257/lib/systemd/systemd-coredump %P %u", "yes"],
    ["|/usr/lib/systemd/systemd-coredump\n", "yes"],
    ["@@/run/systemd/coredumpd/kernel", "yes"],
    ["@/run/systemd/coredump", "unknown"],
    ["@@/run/other/kernel", "unknown"],
    ["|/usr/share/apport/apport -p%p -s%s -c%c -d%d -P%P -u%u -g%g -- %E", "no"],
    ["|/usr/libexec/abrt-hook-ccpp %s %c %p %u %g %t %P %I", "no"],
    ["|/bin/false", "no"],
    ["|/opt/hand-over.sh %P %u %g %s %t %c %h", "unknown"],
    ["|/opt/my-systemd-coredump %P", "unknown"],
    ["|systemd-coredump %P", "unknown"],
    ["|", "unknown"],
    ["core", "no"],
    ["/var/crash/core.%e.%p", "no"],
    ["/usr/lib/systemd/systemd-coredump", "no"],
    ["", "no"]
  ]
  for (const [pattern, expected] of cases) {
    it(`${JSON.stringify(pattern)} → ${expected}`, () => {
      assert.strictEqual(checkCorePattern(pattern), expected)
    })
  }
})
