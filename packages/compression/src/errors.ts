/** Input that is damaged, or not of the format. */
export class CorruptError extends Error {
  override readonly name = "CorruptError"
}

/** Input that ends too early; empty input too. */
export class TruncatedError extends Error {
  override readonly name = "TruncatedError"
}
