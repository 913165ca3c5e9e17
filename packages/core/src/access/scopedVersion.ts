/**
 * Resource versions for callers who see only a part of the cores. The scope identifies this part: when a watch
 * resumes, it shows whether permissions have changed. Callers who see all cores get the versions of the source.
 */
import type { CoreSummary } from "../model/Core.ts"
import { addScope, isNewerVersion, splitScope } from "../source/ResourceVersion.ts"
import type { AccessDecisions } from "./AccessDecisions.ts"

/** The permission that decided on a scope. */
type ScopeVerb = "list" | "watch"

/** A resource version of the source, with the scope of the caller. */
export interface ScopedVersion {
  readonly version: string
  readonly verb: ScopeVerb
  /** See `AccessDecisions.names`. Undefined if there were too many names for a version. */
  readonly names: ReadonlyArray<string> | undefined
}

/** Limit of the scope: every event and a response header contain it. */
const maxLength = 1000

const tooManyNames = "?"

/** Formats a version with the scope of these decisions. */
export const formatScopedVersion = (version: string, verb: ScopeVerb, { names }: AccessDecisions): string => {
  const text = names.join(",")
  return addScope(version, `${verb === "list" ? "l" : "w"}${text.length > maxLength ? tooManyNames : text}`)
}

/**
 * Parses a version. Returns undefined for a version without scope, or with a scope that no server made. Such a version
 * cannot be used.
 */
export const parseScopedVersion = (text: string): ScopedVersion | undefined => {
  const { scope, version } = splitScope(text) ?? {}
  if (version === undefined || scope === undefined || !/^[lw]/.test(scope) || scope.length > maxLength + 1) {
    return undefined
  }
  const names = scope.slice(1)
  return {
    version,
    verb: scope.startsWith("l") ? "list" : "watch",
    names: names === tooManyNames ? undefined : names.split(",").filter((name) => name !== "")
  }
}

/**
 * Whether the caller sees the same part of the cores as at this version, apart from cores that came later: no permission
 * for current cores is withdrawn, and no core is visible now that existed then and was hidden. `cores` are the current
 * cores, and all of them are decided. The client chose the names, so no name is decided on because it is in the version.
 * Use `isWithdrawn` for cores that are gone.
 */
export const isSameScope = (
  { names, version }: ScopedVersion,
  cores: ReadonlyArray<CoreSummary>,
  decisions: AccessDecisions
): boolean => {
  if (names === undefined) return true
  const before = new Set(names)
  return !names.some((name) => decisions.deniesName(name)) &&
    cores.every((core) =>
      !decisions.allows(core) || before.has(decisions.toName(core)) || isNewerVersion(core.resourceVersion, version)
    )
}

/** Whether the caller could see the core at this version, and now cannot. The core must be decided. */
export const isWithdrawn = ({ names }: ScopedVersion, core: CoreSummary, decisions: AccessDecisions): boolean =>
  names !== undefined && !decisions.allows(core) && names.includes(decisions.toName(core))
