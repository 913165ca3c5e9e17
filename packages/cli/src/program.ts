import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { makeRun, type RunOptions } from "./cli.ts"
import { layerSource } from "./connection/layerSource.ts"
import { endOnSignals, endProcess } from "./endProcess.ts"
import { Screen } from "./text/Screen.ts"
import { toExitCode } from "./toExitCode.ts"

/** Runs the command line of this process, and exits. */
export const main = (options: RunOptions = {}): void => {
  // The reader has closed the pipe (`| head`), which is not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1)
  })

  // There is no other place to report it.
  process.stderr.on("error", () => {})

  endOnSignals()
  makeRun(layerSource, options)(process.argv.slice(2)).pipe(
    Effect.provide([Screen.layer, NodeServices.layer]),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit) => endProcess(toExitCode(exit))
    })
  )
}
