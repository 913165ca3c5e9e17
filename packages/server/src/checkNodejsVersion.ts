/**
 * Checks the version of Node.js against the package's `engines`. Returns an error message if it is too old. The entry
 * file calls this before it loads anything else, because old versions report newer syntax as a syntax error. For the same
 * reason, this file and the entry file must not use newer syntax. koredumpctl has a copy of this function, because a
 * shared package would have to be loaded first.
 */
export const checkNodejsVersion = (program: string, version: string): string | undefined => {
  const [major, minor] = version.split(".").map(Number) as [number, number]
  return major > 22 || (major === 22 && minor >= 19)
    ? undefined
    : `${program} requires Node.js 22.19 or newer, but this is Node.js ${version}. In a clone, run it with npx.`
}
