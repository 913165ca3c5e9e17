/**
 * Whether this Node is new enough: asked before anything is loaded that an old one cannot load, and would call a syntax
 * error. So what is here, and in those that import it at once, must be old, too.
 */

/** What `program` says to a Node of `version` that is older than the package's `engines`. */
export const engineProblem = (program: string, version: string): string | undefined => {
  const [major, minor] = version.split(".").map(Number) as [number, number]
  return major > 22 || (major === 22 && minor >= 19)
    ? undefined
    : `${program} needs Node 22.19 or newer; this is ${version}.`
}
