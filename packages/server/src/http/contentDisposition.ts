/**
 * `Content-Disposition: attachment` (RFC 6266). Names of cores are ASCII; those that are tokens stand as they are, as
 * scripts have always seen them. Others (backslashes of systemd's escaping, quotes) are quoted, and `filename*`, which
 * needs no unquoting, says the same.
 */
export const attachment = (name: string): string =>
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !name.includes("%")
    ? `attachment; filename=${name}`
    : `attachment; filename="${name.replace(/["\\]/g, "\\$&")}"; filename*=UTF-8''${encodeExtended(name)}`

/** RFC 8187: percent-encodes all but `attr-char`. */
const encodeExtended = (name: string): string =>
  encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
