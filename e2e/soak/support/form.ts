/** Length and randomness of a run. run.sh sets both variables. */

/** The long form takes hours, the short one at most two minutes. */
export const isLong = process.env["SOAK_FORM"] !== "short"

/** The seed of all random choices. */
export const seed = Number(process.env["SOAK_SEED"] ?? 1)

/** A value for the long form, and one for the short form. */
export const byForm = <A>(long: A, short: A): A => isLong ? long : short

/** Random numbers from 0 to 1 that depend only on the seed and the purpose (mulberry32). */
export const makeRandom = (purpose: string): () => number => {
  let state = [...purpose].reduce((hash, char) => Math.imul(hash ^ char.charCodeAt(0), 16_777_619), seed)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The values in random order. */
export const shuffle = <A>(values: ReadonlyArray<A>, random: () => number): ReadonlyArray<A> =>
  values.map((value) => [random(), value] as const).toSorted(([a], [b]) => a - b).map(([, value]) => value)

/**
 * The longest time of `/health` on a new connection during a flood, in milliseconds. Node.js accepts one connection in each
 * turn of its event loop, and a flood makes the turns longer, so a new connection waits for those of the attacker.
 */
export const maxFloodHealthMillis = 5000
