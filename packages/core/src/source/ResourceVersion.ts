/**
 * Resource versions: `EPOCH-SEQUENCE`. The epoch identifies one index, the sequence counts its changes. For a caller who
 * sees only a part of the cores, the version also has a scope: `EPOCH-SEQUENCE~SCOPE`. The format is defined only here.
 */

/** A version of one index. */
interface ResourceVersion {
  readonly epoch: string
  readonly sequence: number
}

/** Formats a version. */
export const formatResourceVersion = ({ epoch, sequence }: ResourceVersion): string => `${epoch}-${sequence}`

/** Parses a version without scope. Returns undefined for other text. */
export const parseResourceVersion = (text: string): ResourceVersion | undefined => {
  const [, epoch, sequence] = /^([0-9a-z]+)-(\d{1,15})$/.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, sequence: Number(sequence) }
}

/** Whether a version is newer than another version of the same index. */
export const isNewerVersion = (text: string, other: string): boolean => {
  const [a, b] = [parseResourceVersion(text), parseResourceVersion(other)]
  return a !== undefined && b !== undefined && a.epoch === b.epoch && a.sequence > b.sequence
}

/** Adds a scope to a version. The scope cannot contain `~`. */
export const addScope = (version: string, scope: string): string => `${version}~${scope}`

/** Splits a version and its scope. Returns undefined for a version without scope. */
export const splitScope = (text: string): { readonly version: string; readonly scope: string } | undefined => {
  const at = text.lastIndexOf("~")
  return at === -1 ? undefined : { version: text.slice(0, at), scope: text.slice(at + 1) }
}
