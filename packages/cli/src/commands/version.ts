import { Effect } from "effect"
import { Command } from "effect/cli"
import { cliVersion } from "../text/cliVersion.ts"
import { print } from "../text/messages.ts"

/** `koredumpctl version` */
export const version = Command.make(
  "version",
  {},
  Effect.fn(function*() {
    yield* print(`koredumpctl ${cliVersion}`)
  })
).pipe(Command.withDescription("Show the version of koredumpctl"))
