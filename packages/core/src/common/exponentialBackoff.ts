import { type Duration, Schedule } from "effect"

/** Jittered delays that double from `initial` up to `max`, without end. */
export const exponentialBackoff = (initial: Duration.Input, max: Duration.Input) =>
  Schedule.min([Schedule.exponential(initial), Schedule.spaced(max)]).pipe(Schedule.jittered)
