import { mergeConfig } from "vitest/config"
import shared from "../../vitest.shared.ts"

// Times are shown as this machine's: the tests' machine stands at UTC.
export default mergeConfig(shared, { test: { env: { TZ: "UTC" } } })
