import { Duration, Effect } from "effect"
import { failSettings, type SettingsError } from "./SettingsError.ts"
import { variableName } from "./variableName.ts"

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Parses the value of the flag `--name`, for example `30s` or `2m`. Units: ms, s, m, h, d. */
export const parseDurationFlag = (name: string, text: string): Effect.Effect<Duration.Duration, SettingsError> => {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  return match === null
    ? failSettings(`--${name} (${variableName(name)}): invalid duration "${text}" (examples: 30s, 2m).`)
    : Effect.succeed(Duration.millis(Number(match[1]) * units[match[2]!]!))
}
