/** The input is damaged, or has another format. */
export class CorruptError extends Error {
  override readonly name = "CorruptError"
}

/** The input ends too early, or is empty. */
export class TruncatedError extends Error {
  override readonly name = "TruncatedError"
}
