import { Command } from "effect/cli"
import { connectionFlags } from "../connection/Connection.ts"

/** The root command. Its flags can come before or after any command, which reads them with `yield* root`. */
export const root = Command.make("koredumpctl").pipe(
  Command.withDescription("Find and download core dumps"),
  Command.withSharedFlags(connectionFlags)
)
