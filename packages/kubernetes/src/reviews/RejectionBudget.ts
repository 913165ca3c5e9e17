/** How many rejected tokens of one address are reviewed at once, and then per second. */
const burst = 100
const perSecond = 10

/** Above this number, the address whose last rejection is longest ago is forgotten. */
const maxAddresses = 10_000

interface Spent {
  readonly amount: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * Bounds how many reviews made-up tokens cause, by the address that sends them. Only rejections count, so many callers can
 * share an address, for example behind an Ingress.
 */
export class RejectionBudget {
  readonly #spent = new Map<string, Spent>()

  /** Whether an address has had too many rejections lately. `now` is in milliseconds since 1970. */
  isExhausted(address: string, now: number): boolean {
    return this.#amount(address, now) >= burst
  }

  /** Counts a rejection. */
  spend(address: string, now: number): void {
    const amount = this.#amount(address, now) + 1
    this.#spent.delete(address)
    this.#spent.set(address, { amount, at: now })
    const [oldest] = this.#spent.keys()
    if (this.#spent.size > maxAddresses && oldest !== undefined) this.#spent.delete(oldest)
  }

  #amount(address: string, now: number): number {
    const spent = this.#spent.get(address)
    return spent === undefined ? 0 : Math.max(0, spent.amount - Math.max(0, now - spent.at) / 1000 * perSecond)
  }
}

/**
 * What limits of an address apply to: an IPv4 address, or the network of an IPv6 address (/64), in which one machine can
 * have any number of addresses.
 */
export const toAddressKey = (address: string): string => {
  const ipv4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)
  if (ipv4 !== null) return ipv4[1]!
  if (!address.includes(":")) return address
  const [head = "", tail] = address.split("::")
  const first = head === "" ? [] : head.split(":")
  const last = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => "0")
  return [...first, ...(tail === undefined ? [] : zeros), ...last].slice(0, 4).join(":").toLowerCase()
}
