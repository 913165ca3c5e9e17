/** Random choices that are the same in each run. */

/** A generator of random choices (mulberry32). Seeds with the same number give the same choices. */
export const makeRandom = (seed: number) => {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  /** An integer from 0 to `end`, without `end`. */
  const integer = (end: number) => Math.floor(next() * end)
  const pick = <A>(choices: ReadonlyArray<A>): A => choices[integer(choices.length)]!
  return { integer, pick }
}
