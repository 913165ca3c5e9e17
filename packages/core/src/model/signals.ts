/** Linux signals, see signal(7). The numbers are the same on all architectures that Kubernetes supports. */
const names: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  10: "SIGUSR1",
  11: "SIGSEGV",
  12: "SIGUSR2",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  16: "SIGSTKFLT",
  17: "SIGCHLD",
  18: "SIGCONT",
  19: "SIGSTOP",
  20: "SIGTSTP",
  21: "SIGTTIN",
  22: "SIGTTOU",
  23: "SIGURG",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  26: "SIGVTALRM",
  27: "SIGPROF",
  28: "SIGWINCH",
  29: "SIGIO",
  30: "SIGPWR",
  31: "SIGSYS"
}

const numbers = new Map(Object.entries(names).map(([number, name]) => [name, Number(number)]))

/** `11` → `SIGSEGV`. Returns undefined for numbers without a name, for example of real-time signals. */
export const signalName = (number: number): string | undefined => names[number]

/** `SIGSEGV`, `segv` or `11` → `11`. Returns undefined for other text. */
export const signalNumber = (text: string): number | undefined => {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  const name = text.toUpperCase()
  return numbers.get(name) ?? numbers.get(`SIG${name}`)
}
