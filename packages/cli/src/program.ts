/** The program: argv in, exit code out. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { makeRun, type RunOptions } from "./cli.ts"
import { layerSource } from "./connection/layerSource.ts"
import { exitCodeOf } from "./text/CommandError.ts"
import { Screen } from "./text/Screen.ts"

/** Runs the command line of this process to its end. */
export const main = (options: RunOptions = {}): void => {
  // Whoever reads has seen enough (`| head`): that is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1)
  })

  makeRun(layerSource, options)(process.argv.slice(2)).pipe(
    Effect.provide([Screen.layer, NodeServices.layer]),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => {
        const code = exitCodeOf(exit)
        onExit(code)
        // A program that was to get credentials, and did not in time, would keep this one. All that was printed goes first.
        process.stdout.write("", () => process.exit(code))
      }
    })
  )
}
