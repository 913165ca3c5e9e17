/**
 * Reads the journal's export format: fields as `NAME=value`, or, where a value holds control bytes, as a line `NAME`,
 * the value's length (64 bits, little endian), the value and a newline; an empty line ends an entry.
 */
import { Effect, Schema, Stream } from "effect"

/** The first value of each field. Values may be any bytes; they are parts of what was read, so not to be kept for long. */
export type RawEntry = ReadonlyMap<string, Uint8Array>

/** The input is not in the export format, or ends within an entry. */
export class MalformedExport extends Schema.TaggedError<MalformedExport>()("MalformedExport", {
  message: Schema.String
}) {}

/** Fields beyond a bound are passed over, without being held in memory. */
export interface ExportBounds {
  /** Most bytes of one value. */
  readonly fieldBytes: number
  /** Most bytes of all values of an entry. */
  readonly entryBytes: number
}

const newline = 10
const equals = 61
const lengthBytes = 8
// journald's own bound for names
const maxNameBytes = 64
const fieldName = /^[A-Z0-9_]{1,64}$/

const ascii = new TextDecoder("latin1")

/** Takes the format in pieces of any size and gives the entries that each piece completes. */
export class JournalExportParser {
  readonly #bounds: ExportBounds
  /** Bytes of a field that is not there in full yet. */
  #rest: Uint8Array = new Uint8Array(0)
  #entry = new Map<string, Uint8Array>()
  #entryBytes = 0
  #inEntry = false
  /** Bytes of an oversized binary value yet to come. */
  #skip = 0
  #state: "field" | "line" | "value" | "valueEnd" = "field"

  constructor(bounds: ExportBounds) {
    this.#bounds = bounds
  }

  /** Throws `MalformedExport`; the parser is of no use afterwards. */
  push(chunk: Uint8Array): Array<RawEntry> {
    const bytes = this.#rest.length === 0 ? chunk : concat(this.#rest, chunk)
    const entries: Array<RawEntry> = []
    let at = 0
    while (at < bytes.length) {
      const next = this.#state === "field" ? this.#field(bytes, at, entries) : this.#passOver(bytes, at)
      if (next === undefined) break
      at = next
    }
    this.#rest = bytes.subarray(at)
    return entries
  }

  /** Throws where the input ended within an entry. */
  end(): void {
    if (this.#inEntry || this.#rest.length > 0 || this.#state !== "field") throw malformed("ends within an entry")
  }

  /** Reads one field, or the end of an entry; undefined where more bytes are needed. */
  #field(bytes: Uint8Array, at: number, entries: Array<RawEntry>): number | undefined {
    const lineEnd = bytes.indexOf(newline, at)
    if (lineEnd === at) {
      if (this.#inEntry) entries.push(this.#entry)
      this.#entry = new Map()
      this.#entryBytes = 0
      this.#inEntry = false
      return at + 1
    }
    const head = bytes.subarray(at, Math.min(lineEnd === -1 ? bytes.length : lineEnd, at + maxNameBytes + 1))
    const nameEnd = head.indexOf(equals)
    if (nameEnd === -1 && head.length > maxNameBytes) throw malformed("a field's name is too long")
    if (lineEnd === -1 && (nameEnd === -1 || bytes.length - at <= maxNameBytes + 1 + this.#bounds.fieldBytes)) {
      return undefined
    }
    const name = ascii.decode(nameEnd === -1 ? head : head.subarray(0, nameEnd))
    if (!fieldName.test(name)) throw malformed("a field's name is not valid")
    this.#inEntry = true
    if (nameEnd === -1) return this.#binary(bytes, name, lineEnd + 1)
    if (lineEnd === -1) {
      this.#state = "line"
      return bytes.length
    }
    this.#put(name, bytes, at + nameEnd + 1, lineEnd)
    return lineEnd + 1
  }

  #binary(bytes: Uint8Array, name: string, at: number): number | undefined {
    if (bytes.length < at + lengthBytes) return undefined
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, lengthBytes).getBigUint64(0, true)
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed("a field's length is not valid")
    const start = at + lengthBytes
    if (length > this.#bounds.fieldBytes) {
      this.#skip = Number(length)
      this.#state = "value"
      return start
    }
    const end = start + Number(length)
    if (bytes.length <= end) return undefined
    if (bytes[end] !== newline) throw malformed("a field does not end where it should")
    this.#put(name, bytes, start, end)
    return end + 1
  }

  /** Goes on past a value that is too large. */
  #passOver(bytes: Uint8Array, at: number): number {
    if (this.#state === "line") {
      const lineEnd = bytes.indexOf(newline, at)
      if (lineEnd === -1) return bytes.length
      this.#state = "field"
      return lineEnd + 1
    }
    if (this.#state === "value") {
      const step = Math.min(this.#skip, bytes.length - at)
      this.#skip -= step
      if (this.#skip === 0) this.#state = "valueEnd"
      return at + step
    }
    if (bytes[at] !== newline) throw malformed("a field does not end where it should")
    this.#state = "field"
    return at + 1
  }

  #put(name: string, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length > this.#bounds.fieldBytes || this.#entry.has(name)) return
    if (this.#entryBytes + length > this.#bounds.entryBytes) return
    this.#entryBytes += length
    this.#entry.set(name, bytes.subarray(start, end))
  }
}

const malformed = (what: string) => new MalformedExport({ message: `not the journal's export format: ${what}` })

const concat = (a: Uint8Array, b: Uint8Array) => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

const attempt = <A>(run: () => A): Effect.Effect<A, MalformedExport> =>
  Effect.try({ try: run, catch: (error) => error instanceof MalformedExport ? error : malformed(String(error)) })

/** The entries of a stream in the export format. Fails where the stream is malformed or ends within an entry. */
export const decodeJournalExport =
  (bounds: ExportBounds) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<RawEntry, E | MalformedExport, R> =>
    Stream.suspend(() => {
      const parser = new JournalExportParser(bounds)
      return bytes.pipe(
        Stream.mapEffect((chunk) => attempt(() => parser.push(chunk))),
        Stream.flattenIterable,
        Stream.concat(Stream.fromEffectDrain(attempt(() => parser.end())))
      )
    })
