/** `koredumpctl version` */
import { Effect } from "effect"
import { Command } from "effect/cli"
import { print } from "../output/Screen.ts"
import { cliVersion } from "../version.ts"

export const version = Command.make(
  "version",
  {},
  Effect.fn(function*() {
    yield* print(`koredumpctl ${cliVersion}`)
  })
).pipe(Command.withDescription("Show the version of koredumpctl"))
