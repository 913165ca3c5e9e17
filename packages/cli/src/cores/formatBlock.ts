import type { CoreSummary } from "@koredump/core"
import { escapeHidden } from "../text/escape.ts"

const joined = (parts: ReadonlyArray<readonly [string, string | number | undefined]>): ReadonlyArray<string> => {
  const shown = parts.filter(([, value]) => value !== undefined)
  return shown.length === 0 ? [] : [shown.map(([name, value]) => `${name}: ${value}`).join(" | ")]
}

const text = (value: string | undefined) => value === undefined ? undefined : escapeHidden(value)
const quoted = (value: string | undefined) => value === undefined ? undefined : `"${escapeHidden(value)}"`

/**
 * A core as a block of lines. Scripts parse this format of koredump 0.4. Cores that are not `present` have an additional line
 * with the state.
 */
export const formatBlock = (core: CoreSummary): string => {
  const { COREDUMP_SIGNAL: number, COREDUMP_SIGNAL_NAME: name } = core
  const signal = name === undefined ? number : number === undefined ? name : `${escapeHidden(name)} (${number})`
  return [
    `ID: ${escapeHidden(core.id)}`,
    `Node: ${escapeHidden(core.node)}`,
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
