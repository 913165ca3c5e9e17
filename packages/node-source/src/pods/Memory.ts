/** A bounded memory of what was seen; the oldest is forgotten first. */
export class Memory<A> {
  readonly #max: number
  readonly #values = new Map<string, A>()

  constructor(max: number) {
    this.#max = max
  }

  get(key: string): A | undefined {
    return this.#values.get(key)
  }

  /** Seen now; what is seen again and again is not forgotten. */
  set(key: string, value: A): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size <= this.#max) return
    const [oldest] = this.#values.keys()
    this.#values.delete(oldest!)
  }
}
