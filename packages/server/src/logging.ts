/** The log: a line each on standard output, JSON unless a person watches. */
import { Layer, Logger, type LogLevel, References } from "effect"

const levels = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warning: "Warn",
  error: "Error",
  none: "None"
} as const satisfies Record<string, LogLevel.LogLevel>

/** Levels as settings name them. */
export type LogLevelName = keyof typeof levels

/** Writes the log in this form, from this level up. */
export const layerLogging = (level: LogLevelName, format: "json" | "pretty"): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([format === "json" ? Logger.consoleJson : Logger.consolePretty()]),
    Layer.succeed(References.MinimumLogLevel, levels[level])
  )
