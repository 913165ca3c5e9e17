/**
 * Parses the journal export format. A field is a line `NAME=value`. If the value contains control bytes, it is a line
 * `NAME`, the length of the value (64 bits, little endian), the value and a newline. An empty line ends an entry.
 */
import { Effect, Schema, Stream } from "effect"

/**
 * The first value of each field. Values are views of the input buffer: decode them, do not keep them. `omitted` has the names
 * of fields that were skipped because of a limit.
 */
export type RawEntry = ReadonlyMap<string, Uint8Array> & { readonly omitted?: ReadonlyArray<string> }

/** The input is not in the export format, or ends inside an entry. */
export class MalformedExport extends Schema.TaggedError<MalformedExport>()("MalformedExport", {
  message: Schema.String
}) {}

/** Limits in bytes. Fields above a limit, and the largest fields of an entry above its limit, are skipped. */
export interface ExportLimits {
  /** Maximum for one value. */
  readonly fieldBytes: number
  /** Maximum for all values of an entry. */
  readonly entryBytes: number
}

const newline = 10
const equals = 61
const lengthBytes = 8
// journald's own limit for field names
const maxNameBytes = 64
const fieldName = /^[A-Z0-9_]{1,64}$/

/** An incremental parser: accepts chunks of any size and returns the entries that each chunk completes. */
export class JournalExportParser {
  readonly #limits: ExportLimits
  /** Bytes of a field that is not complete yet. They are joined only once, whatever the size of the chunks is. */
  #rest: Array<Uint8Array> = []
  #restBytes = 0
  /** The field is not complete with fewer bytes than this... */
  #neededBytes = 0
  /** ... unless a newline follows. */
  #endsAtNewline = false
  #entry = new Map<string, Uint8Array>()
  #omitted: Array<string> = []
  #entryBytes = 0
  #inEntry = false
  /** Remaining bytes of an oversized binary value. */
  #skip = 0
  #state: "field" | "line" | "value" | "valueEnd" = "field"

  constructor(limits: ExportLimits) {
    this.#limits = limits
  }

  /** Throws `MalformedExport`. Do not use the parser after that. */
  push(chunk: Uint8Array): Array<RawEntry> {
    this.#restBytes += chunk.length
    this.#rest.push(chunk)
    if (this.#restBytes < this.#neededBytes && !(this.#endsAtNewline && chunk.includes(newline))) return []
    const bytes = this.#rest.length === 1
      ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      : Buffer.concat(this.#rest, this.#restBytes)
    this.#neededBytes = 0
    const entries: Array<RawEntry> = []
    let at = 0
    while (at < bytes.length) {
      const next = this.#state === "field" ? this.#field(bytes, at, entries) : this.#skipOversized(bytes, at)
      if (next === undefined) break
      at = next
    }
    this.#restBytes = bytes.length - at
    this.#rest = this.#restBytes === 0 ? [] : [bytes.subarray(at)]
    return entries
  }

  /** Call at the end of the input. Throws `MalformedExport` if the input ends inside an entry. */
  end(): void {
    if (this.#inEntry || this.#restBytes > 0 || this.#state !== "field") {
      throw malformed("output ends inside an entry")
    }
  }

  /** Parses one field, or the end of an entry. Returns undefined if more bytes are needed. */
  #field(bytes: Buffer, at: number, entries: Array<RawEntry>): number | undefined {
    const lineEnd = bytes.indexOf(newline, at)
    if (lineEnd === at) {
      if (this.#inEntry) entries.push(this.#omitted.length === 0 ? this.#entry : this.#withOmitted())
      this.#entry = new Map()
      this.#entryBytes = 0
      this.#inEntry = false
      return at + 1
    }
    const headEnd = Math.min(lineEnd === -1 ? bytes.length : lineEnd, at + maxNameBytes + 1)
    let nameEnd = at
    while (nameEnd < headEnd && bytes[nameEnd] !== equals) nameEnd += 1
    const hasEquals = nameEnd < headEnd
    if (!hasEquals && headEnd - at > maxNameBytes) throw malformed("field name too long")
    const maxLineBytes = maxNameBytes + 1 + this.#limits.fieldBytes
    if (lineEnd === -1 && (!hasEquals || bytes.length - at <= maxLineBytes)) {
      return this.#await(hasEquals ? maxLineBytes + 1 : 0, true)
    }
    const name = bytes.toString("latin1", at, nameEnd)
    if (!fieldName.test(name)) throw malformed("invalid field name")
    this.#inEntry = true
    if (!hasEquals) return this.#binary(bytes, name, at, lineEnd + 1)
    if (lineEnd === -1) {
      this.#state = "line"
      this.#omit(name)
      return bytes.length
    }
    this.#put(name, bytes, nameEnd + 1, lineEnd)
    return lineEnd + 1
  }

  #binary(bytes: Uint8Array, name: string, fieldStart: number, at: number): number | undefined {
    if (bytes.length < at + lengthBytes) return this.#await(0, false)
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, lengthBytes).getBigUint64(0, true)
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed("invalid field length")
    const start = at + lengthBytes
    if (length > this.#limits.fieldBytes) {
      this.#skip = Number(length)
      this.#state = "value"
      this.#omit(name)
      return start
    }
    const end = start + Number(length)
    if (bytes.length <= end) return this.#await(end + 1 - fieldStart, false)
    if (bytes[end] !== newline) throw malformed("field longer than its length")
    this.#put(name, bytes, start, end)
    return end + 1
  }

  /** Skips the rest of a value above the limit. */
  #skipOversized(bytes: Uint8Array, at: number): number {
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
    if (bytes[at] !== newline) throw malformed("field longer than its length")
    this.#state = "field"
    return at + 1
  }

  /** The field needs this many bytes, or ends at a newline. */
  #await(neededBytes: number, endsAtNewline: boolean): undefined {
    this.#neededBytes = neededBytes
    this.#endsAtNewline = endsAtNewline
  }

  #put(name: string, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (this.#entry.has(name) || this.#omitted.includes(name)) return
    if (length > this.#limits.fieldBytes || !this.#makeRoom(length)) return this.#omit(name)
    this.#entryBytes += length
    // Cheaper than a Buffer.
    this.#entry.set(name, new Uint8Array(bytes.buffer, bytes.byteOffset + start, length))
  }

  /** Omits the largest fields. Returns false if the new one is the largest. */
  #makeRoom(length: number): boolean {
    while (this.#entryBytes + length > this.#limits.entryBytes) {
      const [name, value] = [...this.#entry].reduce((a, b) => b[1].length > a[1].length ? b : a, ["", noBytes])
      if (value.length <= length) return false
      this.#entry.delete(name)
      this.#entryBytes -= value.length
      this.#omit(name)
    }
    return true
  }

  #omit(name: string): void {
    if (!this.#omitted.includes(name)) this.#omitted.push(name)
  }

  #withOmitted(): RawEntry {
    const entry = Object.assign(this.#entry, { omitted: this.#omitted })
    this.#omitted = []
    return entry
  }
}

const noBytes = new Uint8Array(0)

const malformed = (reason: string) =>
  new MalformedExport({ message: `output is not in the journal export format: ${reason}` })

const tryParse = <A>(run: () => A): Effect.Effect<A, MalformedExport> =>
  Effect.try({ try: run, catch: (error) => error instanceof MalformedExport ? error : malformed(String(error)) })

/** Decodes a stream in the export format. Fails if the stream is malformed or ends inside an entry. */
export const decodeJournalExport =
  (limits: ExportLimits) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<RawEntry, E | MalformedExport, R> =>
    Stream.suspend(() => {
      const parser = new JournalExportParser(limits)
      return bytes.pipe(
        Stream.mapEffect((chunk) => tryParse(() => parser.push(chunk))),
        Stream.flattenIterable,
        Stream.concat(Stream.fromEffectDrain(tryParse(() => parser.end())))
      )
    })
