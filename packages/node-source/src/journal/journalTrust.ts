/**
 * Decides which journal entries are trusted. A process with access to the journal socket can write any `COREDUMP_*` field.
 * Only fields that start with `_` come from journald, and describe the process that wrote the entry.
 */
import { isPodCgroup } from "@koredump/core"

/** The writer of an entry, as reported by journald. A field is undefined if the process ended before journald read it. */
export interface Writer {
  readonly uid: number | undefined
  readonly exe: string | undefined
  readonly unit: string | undefined
  readonly cgroup: string | undefined
}

/** The UID of user `systemd-coredump` in the text of /etc/passwd. */
export const parseCoredumpUid = (passwd: string): number | undefined => {
  const uid = /^systemd-coredump:[^:\n]*:(\d{1,10}):/m.exec(passwd)?.[1]
  return uid === undefined ? undefined : Number(uid)
}

const maxSystemUid = 999
const coredumpUnit = /^systemd-coredump@[^/]*\.service$/
const coredumpExe =
  /^(?:\/usr)?\/lib\/systemd\/systemd-coredump(?: \(deleted\))?$|^\/nix\/store\/[^/]+\/lib\/systemd\/systemd-coredump$/

/**
 * Whether systemd-coredump wrote the entry. `crashedUid` is the UID of the crashed process, `systemUid` the UID of user
 * `systemd-coredump` if the passwd file of the host is known.
 *
 * - Entries from the cgroup of a pod are never trusted: root in a container can create a program with any path.
 * - Entries from the unit of systemd-coredump are trusted: only the service manager puts processes there. For a core of
 *   an ordinary user, systemd-coredump switches to the UID of that user before it writes the entry.
 * - Other entries are trusted because of the path of the program, a UID that no ordinary user can have, and a cgroup that
 *   contains no services, sessions or containers. The kernel starts systemd-coredump there, without a unit, if PID 1 or
 *   journald crashes. The path alone is not enough: users can make a process with this path write anything (`LD_PRELOAD`),
 *   and root in any container can create a program with this path.
 */
export const isCoredumpWriter = (
  writer: Writer,
  crashedUid: number | undefined,
  systemUid: number | undefined
): boolean => {
  const { cgroup, exe, uid, unit } = writer
  if (uid === undefined || (cgroup !== undefined && isPodCgroup(cgroup))) return false
  if (exe !== undefined && !coredumpExe.test(exe)) return false
  const isSystemUid = uid === 0 || (systemUid === undefined ? uid <= maxSystemUid : uid === systemUid)
  if (unit !== undefined && coredumpUnit.test(unit)) return isSystemUid || uid === crashedUid
  // Without a cgroup, the writer ended before journald read its cgroup, and may have been in a container.
  return exe !== undefined && isSystemUid && (cgroup === "/" || cgroup === "/init.scope")
}
