/** JSON from other machines and programs: checked against limits before it is parsed. */
import { Data, Effect, Result, Stream } from "effect"

/** Limits of a JSON text. */
export interface JsonLimits {
  /** Bytes in UTF-8. */
  readonly maxBytes: number
  /** Arrays and objects inside each other. */
  readonly maxDepth: number
  /**
   * Values in all: a million empty strings are small as text and large in memory. Counted as commas and opening brackets
   * plus one, so an empty array counts twice.
   */
  readonly maxElements: number
  /** Values in the outermost array or object. Default: `maxElements` */
  readonly maxFields?: number
}

/** Why JSON is refused. The message is the end of a sentence: `more than 65536 bytes`. */
export class JsonRefused extends Data.TaggedError("JsonRefused")<{
  readonly reason: "bytes" | "depth" | "elements" | "fields" | "syntax"
  readonly message: string
  /** The beginning of a text that is not JSON. */
  readonly excerpt?: string
}> {}

const excerptBytes = 1024
const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Exceeded = Exclude<JsonRefused["reason"], "syntax">

const messages: Readonly<Record<Exceeded, (limits: JsonLimits) => string>> = {
  bytes: ({ maxBytes }) => `more than ${maxBytes} bytes`,
  depth: ({ maxDepth }) => `nesting deeper than ${maxDepth} levels`,
  elements: ({ maxElements }) => `more than ${maxElements} values`,
  fields: ({ maxElements, maxFields = maxElements }) => `more than ${maxFields} fields`
}

/**
 * Checks a JSON text against limits, chunk by chunk as it arrives. It does not check the syntax: it counts at least as
 * many levels and values as `JSON.parse` creates from a text that it accepts.
 */
class JsonScanner {
  readonly #limits: JsonLimits
  #bytes = 0
  #depth = 0
  #elements = 1
  #fields = 1
  #isInString = false
  #isEscaped = false

  constructor(limits: JsonLimits) {
    this.#limits = limits
  }

  /** Returns why the text is refused. Undefined if it is within the limits so far. */
  push(chunk: Uint8Array): JsonRefused | undefined {
    this.#bytes += chunk.length
    const exceeded = this.#bytes > this.#limits.maxBytes ? "bytes" : this.#scan(chunk)
    return exceeded === undefined
      ? undefined
      : new JsonRefused({ reason: exceeded, message: messages[exceeded](this.#limits) })
  }

  // Local variables: this loop runs for every byte that other machines send.
  #scan(chunk: Uint8Array): Exceeded | undefined {
    const { maxDepth, maxElements, maxFields = maxElements } = this.#limits
    let depth = this.#depth
    let elements = this.#elements
    let isInString = this.#isInString
    let isEscaped = this.#isEscaped
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]
      if (isInString) {
        if (isEscaped) isEscaped = false
        else if (byte === 0x5c /* \ */) isEscaped = true
        else if (byte === 0x22 /* " */) isInString = false
      } else if (byte === 0x22) {
        isInString = true
      } else if (byte === 0x2c /* , */) {
        if (++elements > maxElements) return "elements"
        if (depth === 1 && ++this.#fields > maxFields) return "fields"
      } else if (byte === 0x5b /* [ */ || byte === 0x7b /* { */) {
        if (++depth > maxDepth) return "depth"
        if (++elements > maxElements) return "elements"
      } else if (byte === 0x5d /* ] */ || byte === 0x7d /* } */) {
        depth -= 1
      }
    }
    this.#depth = depth
    this.#elements = elements
    this.#isInString = isInString
    this.#isEscaped = isEscaped
    return undefined
  }
}

/** Parses bytes that the scanner has accepted. */
const parseScanned = (bytes: Uint8Array): Result.Result<unknown, JsonRefused> =>
  Result.try({
    try: (): unknown => JSON.parse(decoder.decode(bytes)),
    catch: () =>
      new JsonRefused({
        reason: "syntax",
        message: "invalid JSON",
        excerpt: decoder.decode(bytes.subarray(0, excerptBytes))
      })
  })

/**
 * Parses JSON within limits. `JSON.parse` alone would block the process for seconds, and take a hundred times the size of
 * the text, for a text that consists of brackets.
 */
export const parseBoundedJson = (
  input: string | Uint8Array,
  limits: JsonLimits
): Result.Result<unknown, JsonRefused> => {
  // A text has at least as many bytes as UTF-16 units.
  const isTooLong = typeof input === "string" && input.length > limits.maxBytes
  if (isTooLong) return Result.fail(new JsonRefused({ reason: "bytes", message: messages.bytes(limits) }))
  const bytes = typeof input === "string" ? encoder.encode(input) : input
  const refused = new JsonScanner(limits).push(bytes)
  return refused === undefined ? parseScanned(bytes) : Result.fail(refused)
}

/** Frees the memory of these bytes at once. The garbage collector would free it later. */
const free = ({ buffer }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/**
 * Collects bytes in one array that grows. A list of chunks would take a hundred times the size of a body that comes byte
 * by byte.
 */
class ByteCollector {
  #bytes = new Uint8Array(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(chunk: Uint8Array): void {
    const size = this.#size + chunk.length
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, this.#size))
      free(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(chunk, this.#size)
    this.#size = size
  }

  /** Returns what `read` makes of all bytes, and frees them. */
  take<A>(read: (bytes: Uint8Array) => A): A {
    const result = read(this.#bytes.subarray(0, this.#size))
    free(this.#bytes)
    this.#bytes = new Uint8Array(0)
    this.#size = 0
    return result
  }
}

/** Above this size, other fibers run between reading, parsing and what follows. */
const largeBytes = 64 * 1024

/**
 * Reads a JSON body within limits, which hold while it arrives: the rest of a body that is refused is not read. With the
 * length that the sender announces (`Content-Length`), nothing is read of a body that is too long.
 */
export const readBoundedJson = <E, R>(
  body: Stream.Stream<Uint8Array, E, R>,
  limits: JsonLimits,
  announcedLength?: string
): Effect.Effect<unknown, E | JsonRefused, R> =>
  Effect.gen(function*() {
    if (Number(announcedLength ?? 0) > limits.maxBytes) {
      return yield* new JsonRefused({ reason: "bytes", message: messages.bytes(limits) })
    }
    const scanner = new JsonScanner(limits)
    const collected = new ByteCollector()
    yield* Stream.runForEach(body, (chunk) => {
      const refused = scanner.push(chunk)
      if (refused !== undefined) return Effect.fail(refused)
      collected.add(chunk)
      return Effect.void
    })
    const isLarge = collected.size > largeBytes
    if (isLarge) yield* Effect.yieldNow
    const value = yield* Effect.fromResult(collected.take(parseScanned))
    if (isLarge) yield* Effect.yieldNow
    return value
  })

const newline = 0x0a
const carriageReturn = 0x0d

type Line = Result.Result<unknown, JsonRefused>

/** Splits chunks into lines and parses them. */
class LineParser {
  readonly #limits: JsonLimits
  /** The beginning of a line whose end has not arrived. */
  readonly #pending = new ByteCollector()
  #isRefused = false

  constructor(limits: JsonLimits) {
    this.#limits = limits
  }

  /** The lines that end in the chunk. */
  push(chunk: Uint8Array): ReadonlyArray<Line> {
    const lines: Array<Line> = []
    let start = 0
    while (!this.#isRefused) {
      const end = chunk.indexOf(newline, start)
      const part = chunk.subarray(start, end === -1 ? chunk.length : end)
      if (this.#pending.size + part.length > this.#limits.maxBytes) {
        this.#isRefused = true
        lines.push(Result.fail(new JsonRefused({ reason: "bytes", message: messages.bytes(this.#limits) })))
      } else if (end === -1) {
        if (part.length > 0) this.#pending.add(part)
        break
      } else {
        lines.push(...this.#parse(part))
      }
      start = end + 1
    }
    return lines
  }

  /** The last line, without a newline. */
  end(): ReadonlyArray<Line> {
    return this.#isRefused ? [] : this.#parse(new Uint8Array(0))
  }

  #parse(part: Uint8Array): ReadonlyArray<Line> {
    if (this.#pending.size === 0) return this.#parseLine(part)
    this.#pending.add(part)
    return this.#pending.take((line) => this.#parseLine(line))
  }

  #parseLine(line: Uint8Array): ReadonlyArray<Line> {
    if (line.length === 0 || (line.length === 1 && line[0] === carriageReturn)) return []
    const parsed = parseBoundedJson(line, this.#limits)
    this.#isRefused = Result.isFailure(parsed)
    return [parsed]
  }
}

/** Parses lines of JSON, each within limits. Ignores empty lines, and everything after a line that is refused. */
export const parseJsonLines =
  (limits: JsonLimits) => <E, R>(body: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Line, E, R> =>
    Stream.suspend(() => {
      const parser = new LineParser(limits)
      return body.pipe(
        Stream.mapAccumArray(() => parser, (_, chunks) => [parser, chunks.flatMap((chunk) => parser.push(chunk))]),
        // Not `onHalt`, which is also called when the body fails.
        Stream.concat(Stream.suspend(() => Stream.fromIterable(parser.end())))
      )
    })
