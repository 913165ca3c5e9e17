/**
 * Which journal entries are believed. Whoever reaches the journal's socket can write any `COREDUMP_*` field; what
 * begins with `_` is journald's own word on who wrote.
 */
import { isPodCgroup } from "@koredump/core"

/** What journald says of an entry's writer; undefined where it came too late to find out. */
export interface Writer {
  readonly uid: number | undefined
  readonly exe: string | undefined
  readonly unit: string | undefined
  readonly cgroup: string | undefined
}

/** The uid of user `systemd-coredump` in the text of /etc/passwd. */
export const coredumpUid = (passwd: string): number | undefined => {
  const uid = /^systemd-coredump:[^:\n]*:(\d{1,10}):/m.exec(passwd)?.[1]
  return uid === undefined ? undefined : Number(uid)
}

const maxSystemUid = 999
const coredumpUnit = /^systemd-coredump@[^/]*\.service$/
const coredumpExe =
  /^(?:\/usr)?\/lib\/systemd\/systemd-coredump(?: \(deleted\))?$|^\/nix\/store\/[^/]+\/lib\/systemd\/systemd-coredump$/

/**
 * Whether systemd-coredump itself wrote the entry about the crash of a process of `crashedUid`.
 *
 * - Never from a pod's cgroup: root in a container can have a program of any path.
 * - From systemd-coredump's own unit: only the service manager puts processes there. For a core of an ordinary user
 *   systemd-coredump takes that user's uid before it writes.
 * - Else (systemd-coredump run by the kernel itself, as for crashes of PID 1 and journald, or without a service manager)
 *   its path decides, together with a uid that no ordinary user can have: users can make a process of that path write
 *   what they like (`LD_PRELOAD`). `systemUid` is systemd-coredump's own, where the host's passwd is known.
 */
export const isCoredumpWriter = (
  writer: Writer,
  crashedUid: number | undefined,
  systemUid: number | undefined
): boolean => {
  const { cgroup, exe, uid, unit } = writer
  if (uid === undefined || (cgroup !== undefined && isPodCgroup(cgroup))) return false
  if (exe !== undefined && !coredumpExe.test(exe)) return false
  const isSystems = uid === 0 || (systemUid === undefined ? uid <= maxSystemUid : uid === systemUid)
  if (unit !== undefined && coredumpUnit.test(unit)) return isSystems || uid === crashedUid
  // No cgroup: the writer was gone before journald could look, and may well have been in a pod.
  if (exe === undefined || cgroup === undefined || !isSystems) return false
  // Without a passwd any service's uid would do: believe it only where no service can be.
  return uid === 0 || systemUid !== undefined || cgroup === "/" || cgroup === "/init.scope"
}
