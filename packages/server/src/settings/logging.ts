import { hiddenCharacters } from "@koredump/core"
import { Layer, Logger, type LogLevel, References } from "effect"
import { styleText } from "node:util"

const levels = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warning: "Warn",
  error: "Error",
  none: "None"
} as const satisfies Record<string, LogLevel.LogLevel>

/** The values of `--log-level`. */
export type LogLevelName = keyof typeof levels

const hidden = new RegExp(`[${hiddenCharacters}]`, "gu")

/** `\uXXXX`, which keeps the value of a JSON string. Two of them for characters above U+FFFF. */
const escape = (char: string) =>
  Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")

/**
 * Escapes what could control a terminal, end a line or be invisible: names of files and fields of journal entries come
 * from crashed programs.
 */
export const escapeHidden = (text: string): string => text.replace(hidden, escape)

/** One JSON object per line. */
export const formatJson: Logger.Logger<unknown, string> = Logger.map(Logger.formatJson, escapeHidden)

const colors: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
  TRACE: "gray",
  DEBUG: "blue",
  INFO: "green",
  WARN: "yellow",
  ERROR: "red",
  FATAL: "red"
}

const toText = (value: unknown) => typeof value === "string" ? value : JSON.stringify(value) ?? "undefined"

/**
 * A line with the message, then indented lines with the cause and the annotations. The pretty logger of Effect prints them
 * as they are.
 */
export const formatPretty: Logger.Logger<unknown, string> = Logger.map(
  Logger.formatStructured,
  ({ annotations, cause, fiberId, level, message, timestamp }) => {
    const time = new Date(timestamp)
    const clock = `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}`
    const head = `[${clock}] ${styleText(colors[level] ?? "reset", level)} (${fiberId}): ${
      styleText("bold", escapeHidden(toText(message)))
    }`
    return [
      head,
      ...(cause?.split("\n") ?? []).map((line) => `  ${escapeHidden(line)}`),
      ...Object.entries(annotations).map(([key, value]) =>
        `  ${styleText("bold", `${key}:`)} ${escapeHidden(toText(value))}`
      )
    ].join("\n")
  }
)

/** Writes the log to standard output, in this format and from this level up. */
export const layerLogging = (level: LogLevelName, format: "json" | "pretty"): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([Logger.withConsoleLog(format === "json" ? formatJson : formatPretty)]),
    Layer.succeed(References.MinimumLogLevel, levels[level])
  )
