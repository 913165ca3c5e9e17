/** Query parameters: their text form in a URL and their typed form. */
import { Clock, Effect, Option, Schema, SchemaGetter, SchemaIssue } from "effect"
import { toSingleLine } from "../common/errorText.ts"
import { formatTimestamp, parseTimestamp } from "../model/Core.ts"
import { InvalidQuery } from "../model/Problem.ts"

/** Limits of one parameter: number of values, and characters of each value. */
const maxValues = 100
const maxLength = 4096

/** A parameter as it occurs in a URL: once or several times. */
const Values = Schema.Union([Schema.String, Schema.Array(Schema.String)])

/** An optional query parameter that is not decoded. */
export const rawParameter = (description: string) => Schema.optionalKey(Values.annotate({ description }))

/** The values of a parameter that is present and not empty. */
type TextValues = readonly [string, ...Array<string>]

/** The result of a decoder for several values of a parameter that can occur only once. */
const repeated = Symbol("repeated")

interface ParameterOptions<A> {
  /** For the API documentation. */
  readonly description: string
  /** Completes the message "Parameter NAME must be …". */
  readonly expected: string
  readonly type: Schema.Codec<A>
  /** Returns undefined for invalid values. `now` is in microseconds since 1970. */
  readonly decode: (values: TextValues, now: number) => A | typeof repeated | undefined
  /** Returns undefined for a value that has no text form. Default: the value as text, or each value of an array. */
  readonly encode?: (value: A) => string | ReadonlyArray<string> | undefined
}

const mustBe = (expected: string) => new SchemaIssue.InvalidValue({ message: `must be ${expected}` })

const toText = (value: unknown): string | ReadonlyArray<string> =>
  Array.isArray(value) ? value.map(String) : String(value)

/** An optional query parameter. An empty value is the same as none: koredumpctl 0.4.0 sends `namespace=&pod=`. */
export const parameter = <A>({ decode, description, encode = toText, expected, type }: ParameterOptions<A>) =>
  rawParameter(description).pipe(
    Schema.decodeTo(Schema.optionalKey(type), {
      decode: SchemaGetter.transformOptionalEffect((input: Option.Option<string | ReadonlyArray<string>>) =>
        Effect.gen(function*() {
          const values = [Option.getOrElse(input, () => [])].flat().filter((value) => value !== "")
          const [first, ...rest] = values
          if (first === undefined) return Option.none<A>()
          if (values.length > maxValues || values.some((value) => value.length > maxLength)) {
            return yield* Effect.fail(
              new SchemaIssue.InvalidValue({
                message: `has too many or too long values (limits: ${maxValues} values, ${maxLength} characters each)`
              })
            )
          }
          const value = decode([first, ...rest], (yield* Clock.currentTimeMillis) * 1000)
          if (value === repeated) {
            return yield* Effect.fail(new SchemaIssue.InvalidValue({ message: "can be used only once" }))
          }
          return value === undefined ? yield* Effect.fail(mustBe(expected)) : Option.some(value)
        })
      ),
      encode: SchemaGetter.transformOptional((value: Option.Option<A>) =>
        Option.flatMap(value, (value) => Option.fromUndefinedOr(encode(value)))
      )
    })
  )

/** Decodes each of the values. Returns undefined if one of them is invalid. */
export const decodeEach =
  <A>(decode: (value: string) => A | undefined) => (values: TextValues): ReadonlyArray<A> | undefined => {
    const decoded = values.map(decode).filter((value) => value !== undefined)
    return decoded.length === values.length ? decoded : undefined
  }

/** Decodes a parameter that can occur only once. */
export const decodeOnce =
  <A>(decode: (value: string, now: number) => A | undefined) =>
  (values: TextValues, now: number): A | typeof repeated | undefined =>
    values.length === 1 ? decode(values[0], now) : repeated

/** Decodes a decimal number without sign. */
export const decodeInteger = (text: string): number | undefined => /^\d{1,10}$/.test(text) ? Number(text) : undefined

const durationUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Parses `90m`, `3d` or `1h30m`. Returns microseconds, or NaN for other text. */
export const parseDurationMicros = (text: string): number => {
  if (!/^(?:\d+(?:\.\d+)?[smhdw])+$/.test(text)) return Number.NaN
  let seconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)) {
    seconds += Number(amount) * durationUnits[unit!]!
  }
  return Math.round(seconds * 1_000_000)
}

const parseInstant = (text: string, now: number): number | undefined => {
  const time = parseTimestamp(text)
  const micros = Number.isNaN(time) ? now - parseDurationMicros(text) : time
  return Number.isNaN(micros) ? undefined : micros
}

/** Any text. Can occur several times. */
export const textsParameter = (description: string) =>
  parameter({
    description,
    expected: "text",
    type: Schema.Array(Schema.String),
    decode: (values): ReadonlyArray<string> => values
  })

/** Any text. Can occur once. */
export const textParameter = (description: string) =>
  parameter({ description, expected: "text", type: Schema.String, decode: decodeOnce((value) => value) })

/** Microseconds since 1970. The text form is an RFC 3339 time or a duration before now. */
export const instantParameter = (description: string) =>
  parameter({
    description,
    expected: "an RFC 3339 time or a duration such as 90m or 3d",
    type: Schema.Finite,
    decode: decodeOnce(parseInstant),
    encode: formatTimestamp
  })

/** `true` or `false`. */
export const booleanParameter = (description: string) =>
  parameter({
    description,
    expected: "true or false",
    type: Schema.Boolean,
    decode: (values) =>
      values.every((value) => value === "true") ? true : values.every((value) => value === "false") ? false : undefined
  })

/** URL parameters grouped by name. */
export const groupParams = (
  params: Iterable<readonly [string, string]>
): ReadonlyMap<string, ReadonlyArray<string>> => {
  const grouped = new Map<string, Array<string>>()
  for (const [name, value] of params) {
    const values = grouped.get(name)
    if (values === undefined) grouped.set(name, [value])
    else values.push(value)
  }
  return grouped
}

const toIssues = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => issue._tag === "UnexpectedKey" ? "is unknown" : SchemaIssue.defaultLeafHook(issue)
})

/** The problem that names the first invalid parameter of a query. */
export const toInvalidQuery = ({ issue }: Schema.SchemaError): InvalidQuery => {
  const [first] = toIssues(issue).issues
  const parameter = String(first?.path?.[0] ?? "")
  return new InvalidQuery({
    parameter,
    detail: `Parameter ${toSingleLine(parameter)} ${first?.message ?? "is invalid"}.`
  })
}
