/** Signals that produce a core by default. See signal(7). */
const meanings: Readonly<Record<number, string>> = {
  3: "quit from the keyboard",
  4: "illegal instruction",
  5: "trace or breakpoint trap",
  6: "abort, called by the program itself",
  7: "bus error: bad memory access",
  8: "arithmetic error, such as division by zero",
  11: "invalid memory reference",
  24: "CPU time limit exceeded",
  25: "file size limit exceeded",
  31: "bad system call"
}

/** The meaning of a signal in a few words. Undefined for signals that do not produce a core. */
export const describeSignal = (number: number): string | undefined => meanings[number]
