/** The block of lines for each core that the Python koredump printed; scripts cut it apart. */
import type { CoreSummary } from "@koredump/core"
import { visible } from "../text/escape.ts"

const joined = (parts: ReadonlyArray<readonly [string, string | number | undefined]>): ReadonlyArray<string> => {
  const known = parts.filter(([, value]) => value !== undefined)
  return known.length === 0 ? [] : [known.map(([name, value]) => `${name}: ${value}`).join(" | ")]
}

const text = (value: string | undefined) => value === undefined ? undefined : visible(value)
const quoted = (value: string | undefined) => value === undefined ? undefined : `"${visible(value)}"`

/** One core's block. A core that is not simply there has a line more, which says so. */
export const formatLong = (core: CoreSummary): string => {
  const { COREDUMP_SIGNAL: number, COREDUMP_SIGNAL_NAME: name } = core
  const signal = name === undefined ? number : number === undefined ? name : `${visible(name)} (${number})`
  return [
    `ID: ${visible(core.id)}`,
    `Node: ${visible(core.node)}`,
    ...joined([["Cmdline", quoted(core.COREDUMP_CMDLINE)]]),
    ...joined([
      ["COMM", quoted(core.COREDUMP_COMM)],
      ["PID", core.COREDUMP_PID],
      ["UID", core.COREDUMP_UID],
      ["GID", core.COREDUMP_GID]
    ]),
    ...joined([["Pod", text(core.pod)], ["Container", text(core.container)], ["Namespace", text(core.namespace)]]),
    ...joined([["Image", text(core.image_name)]]),
    ...joined([["Signal", signal]]),
    ...joined([["Timestamp", core.COREDUMP_TIMESTAMP]]),
    ...(core.state === "present" ? [] : joined([["State", core.state], ["Reason", text(core.reason)]]))
  ].map((line, i) => `${i === 0 ? "- " : "  "}${line}`).join("\n")
}
