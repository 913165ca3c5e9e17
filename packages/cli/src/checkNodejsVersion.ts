/**
 * Checks whether this Node.js is new enough, before anything is loaded that an old Node.js rejects with a syntax error.
 * Therefore this file, and the files that import it statically, use old syntax only.
 *
 * Returns a message for the user, or undefined if the version is new enough for `engines` of package.json.
 */
export const checkNodejsVersion = (program: string, version: string): string | undefined => {
  const [major, minor] = version.split(".").map(Number) as [number, number]
  return major > 22 || (major === 22 && minor >= 19)
    ? undefined
    : `${program} requires Node.js 22.19 or newer, but this is Node.js ${version}.`
}
