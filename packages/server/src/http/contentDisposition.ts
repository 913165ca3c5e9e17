import { encodeExtended, format } from "content-disposition"

/** Names that every client reads correctly without quotes. A `%` could be taken for percent-encoding. */
const plainName = /^[\w!#$&'*+.^`|~-]+$/

/**
 * The value of a `Content-Disposition` header (RFC 6266) for a download with this name, which must be ASCII. Plain names
 * are not quoted: scripts for koredump 0.4 rely on it. Other names (systemd escapes with backslashes) are also given as
 * `filename*`, because clients disagree about backslashes in quoted names.
 */
export const formatAttachment = (name: string): string =>
  format({
    type: "attachment",
    parameters: plainName.test(name) ? { filename: name } : { filename: name, "filename*": encodeExtended(name) }
  })
