const P1 = 0x9e3779b1 | 0, P2 = 0x85ebca77 | 0, P3 = 0xc2b2ae3d | 0, P4 = 0x27d4eb2f | 0, P5 = 0x165667b1 | 0
const rotl = (x: number, r: number): number => (x << r) | (x >>> (32 - r))

/** Reads a little-endian 32-bit integer, signed. */
export const le32 = (b: Uint8Array, i: number): number =>
  b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24)

/** xxHash32 with seed 0, the checksum of LZ4 frames (xxHash specification 0.1.1). */
export class XxHash32 {
  #a = (P1 + P2) | 0
  #b = P2
  #c = 0
  #d = -P1 | 0
  #length = 0
  readonly #tail = new Uint8Array(16)
  #tailLength = 0

  /** Adds bytes. */
  update(bytes: Uint8Array): this {
    let i = 0
    const end = bytes.length
    this.#length += end
    if (this.#tailLength > 0) {
      i = Math.min(16 - this.#tailLength, end)
      this.#tail.set(bytes.subarray(0, i), this.#tailLength)
      this.#tailLength += i
      if (this.#tailLength < 16) return this
      this.#tailLength = 0
      this.#stripes(this.#tail, 0, 16)
    }
    const whole = i + ((end - i) & ~15)
    if (whole > i) this.#stripes(bytes, i, whole)
    if (end > whole) {
      this.#tail.set(bytes.subarray(whole), 0)
      this.#tailLength = end - whole
    }
    return this
  }

  #stripes(bytes: Uint8Array, from: number, to: number): void {
    let a = this.#a, b = this.#b, c = this.#c, d = this.#d
    for (let i = from; i < to; i += 16) {
      a = Math.imul(rotl((a + Math.imul(le32(bytes, i), P2)) | 0, 13), P1)
      b = Math.imul(rotl((b + Math.imul(le32(bytes, i + 4), P2)) | 0, 13), P1)
      c = Math.imul(rotl((c + Math.imul(le32(bytes, i + 8), P2)) | 0, 13), P1)
      d = Math.imul(rotl((d + Math.imul(le32(bytes, i + 12), P2)) | 0, 13), P1)
    }
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  /** The hash of all bytes so far, unsigned. */
  digest(): number {
    let h = this.#length >= 16
      ? (rotl(this.#a, 1) + rotl(this.#b, 7) + rotl(this.#c, 12) + rotl(this.#d, 18)) | 0
      : P5
    h = (h + this.#length) | 0
    let i = 0
    for (; i + 4 <= this.#tailLength; i += 4) h = Math.imul(rotl((h + Math.imul(le32(this.#tail, i), P3)) | 0, 17), P4)
    for (; i < this.#tailLength; i++) h = Math.imul(rotl((h + Math.imul(this.#tail[i]!, P5)) | 0, 11), P1)
    h = Math.imul(h ^ (h >>> 15), P2)
    h = Math.imul(h ^ (h >>> 13), P3)
    return (h ^ (h >>> 16)) >>> 0
  }
}
