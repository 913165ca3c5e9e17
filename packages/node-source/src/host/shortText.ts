/** Maximum characters of a text in a core summary. */
const maxTextLength = 1024
/** Bytes of one UTF-16 code unit in UTF-8, at most. */
const maxUnitBytes = 3

const toText = (bytes: Uint8Array): string =>
  // Several times faster than TextDecoder for short texts.
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")

/** A copy of the text, which does not keep a longer text in memory that it is a part of. */
const copy = (text: string): string => Buffer.from(text).toString("utf8")

/** The text, at most `maxLength` characters and a `…` of it. */
export const shorten = (text: string, maxLength = maxTextLength): string =>
  copy(text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`)

/** Decodes bytes like {@link shorten}. Bytes that are not UTF-8 become replacement characters. */
export const decodeShort = (bytes: Uint8Array, maxLength = maxTextLength): string =>
  bytes.length <= maxLength
    ? toText(bytes)
    : shorten(toText(bytes.subarray(0, (maxLength + 1) * maxUnitBytes)), maxLength)
