/** The content of all fixtures: 300 kB. It compresses well and has more than one block in every format. */
export const content: Uint8Array = (() => {
  let state = 1
  let text = ""
  while (text.length < 300_000) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    text += `${(state >>> 16) % 40} deep${(state >>> 8) % 3} at ${text.length % 7}\n`
  }
  return new TextEncoder().encode(text.slice(0, 300_000))
})()
