/** The head of a response whose body has a known length. */
export interface ResponseHead {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Bytes of the body. */
  readonly length: number
}

const fieldPattern = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/

/**
 * Parses the head of an HTTP/1.1 response, without the empty line at its end. Undefined unless it is a success with
 * exactly one `Content-Length`, without `Transfer-Encoding`: the HTTP client of Node.js handles everything else.
 */
export const parseResponseHead = (text: string): ResponseHead | undefined => {
  const [first = "", ...lines] = text.split("\r\n")
  const status = /^HTTP\/1\.1 (20[06])(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(first)?.[1]
  const fields = lines.map((line) => fieldPattern.exec(line))
  if (status === undefined) return undefined
  const headers: Array<readonly [string, string]> = []
  for (const field of fields) {
    if (field === null) return undefined
    headers.push([field[1]!.toLowerCase(), field[2]!])
  }
  const lengths = headers.filter(([name]) => name === "content-length")
  const length = lengths.length === 1 ? lengths[0]![1] : ""
  if (!/^\d{1,15}$/.test(length) || headers.some(([name]) => name === "transfer-encoding")) return undefined
  return { status: Number(status), headers, length: Number(length) }
}
