import { Layer, Logger, type LogLevel, References } from "effect"

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

/** Writes the log to standard output, one entry per line, in this format and from this level up. */
export const layerLogging = (level: LogLevelName, format: "json" | "pretty"): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([format === "json" ? Logger.consoleJson : Logger.consolePretty()]),
    Layer.succeed(References.MinimumLogLevel, levels[level])
  )
