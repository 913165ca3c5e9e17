/** Ends this process, whatever it waits for. */

/** Time to clean up after a signal. */
const graceMillis = 500

const signals = ["SIGINT", "SIGTERM"] as const

let received: NodeJS.Signals | undefined

/** Ends the process with the signal itself, which cannot hang. */
const endBySignal = (signal: NodeJS.Signals) => {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/**
 * Whether another thread waits for a file or a name server. `process.exit` waits, too, and for a pipe without a writer or a
 * file system that does not answer it waits forever.
 */
const isWaiting = () => process.getActiveResourcesInfo().some((name) => /^(?:FSReq|GetAddrInfo)/.test(name))

/** After a signal, waits with a timer instead of `process.exit`, because the signal ends the process in the end. */
const exit = (code: number): void => {
  if (received !== undefined && isWaiting()) setTimeout(exit, 10, code)
  else process.exit(code)
}

/** Makes sure that SIGINT and SIGTERM end the process, even if the command does not. */
export const endOnSignals = (): void => {
  for (const signal of signals) {
    process.once(signal, () => {
      received = signal
      setTimeout(endBySignal, graceMillis, signal).unref()
    })
  }
}

/**
 * Exits when everything is written, however slowly it is read. After a signal, exits immediately. Does not wait for
 * anything else, such as an exec plugin that timed out.
 */
export const endProcess = (code: number): void => {
  if (received !== undefined) exit(code)
  else process.stdout.write("", () => process.stderr.write("", () => exit(code)))
}
