import { ByteSize, Effect, Option } from "effect"
import { failSettings, type SettingsError } from "./SettingsError.ts"
import { variableName } from "./variableName.ts"

/** A server with less would reject ordinary requests. */
const minBytes = 64 * 1024 * 1024

/**
 * Parses the value of the flag `--memory-limit` into bytes: `512Mi` as in Kubernetes, or `512 MiB`, `512MB`. A number
 * without a unit is not accepted.
 */
export const parseMemoryLimitFlag = (text: string): Effect.Effect<number, SettingsError> => {
  const size = ByteSize.fromString(text.replace(/(?<=\d\s*[KMGT]i)$/, "B"))
  const bytes = Option.getOrElse(Option.flatMap(size, ByteSize.toNumber), () => 0)
  return bytes < minBytes
    ? failSettings(
      `--memory-limit (${variableName("memory-limit")}): invalid size "${text}" (examples: 512Mi, 1GiB; at least 64Mi).`
    )
    : Effect.succeed(bytes)
}
