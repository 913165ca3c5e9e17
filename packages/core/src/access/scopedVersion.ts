/**
 * Versions as those are given them who see a part of the cores: `VERSION~PART` says which part that was, so that a watch
 * that goes on from there knows whether anything has been granted or withdrawn since. Who sees all has the source's own.
 */
import type { CoreSummary } from "../model/Core.ts"
import type { AccessDecisions } from "./AccessDecisions.ts"

/** By which right the part was seen. */
export type ScopeVerb = "list" | "watch"

interface Part {
  readonly version: string
  readonly verb: ScopeVerb
  /** As `Rights.names`; undefined where they were too many to be kept. */
  readonly names: ReadonlyArray<string> | undefined
}

/** A version is in every event, and in a header. */
const maxLength = 1000

/** A version of the source for one who holds these rights. */
export const scopedVersion = (version: string, verb: ScopeVerb, { names }: AccessDecisions): string => {
  const text = names.join(",")
  return `${version}~${verb === "list" ? "l" : "w"}${text.length > maxLength ? "?" : text}`
}

/** What a version that was given says; nothing where it is the source's own. */
export const parseScopedVersion = (text: string): Part | undefined => {
  const [, version, verb, names] = /^(.*)~([lw])([^~]*)$/.exec(text) ?? []
  if (version === undefined || names === undefined) return undefined
  return {
    version,
    verb: verb === "l" ? "list" : "watch",
    names: names === "?" ? undefined : names.split(",").filter((name) => name !== "")
  }
}

const numberOf = (version: string): number => Number(/-(\d{1,15})$/.exec(version)?.[1])

/**
 * Whether these rights show what was shown at the version, and what came since: nothing is withdrawn, and no core is
 * visible now that was there and hidden then. `cores` are those of now.
 */
export const isSameScope = (
  { names, version }: Part,
  cores: ReadonlyArray<CoreSummary>,
  rights: AccessDecisions
): boolean => {
  if (names === undefined) return true
  const then = new Set(names)
  return names.every((name) => rights.holdsName(name)) &&
    cores.every((core) =>
      !rights.allows(core) || then.has(rights.nameOf(core)) || numberOf(core.resourceVersion) > numberOf(version)
    )
}
