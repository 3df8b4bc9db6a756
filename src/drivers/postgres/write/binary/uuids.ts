const DASH = 0x2d

/** What a hexadecimal digit stands for; 255 for any other byte. */
const NIBBLES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
  return digit < 0 ? 255 : digit
})

/** uuid out of its 36 characters: the place behind it, or -1 for any other text, which the server has to judge. */
export function putUuid(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  if (end - start !== 36) return -1
  let out = at
  let i = start
  while (i < end) {
    const place = i - start
    if (place === 8 || place === 13 || place === 18 || place === 23) {
      if (data[i] !== DASH) return -1
      i++
    }
    const high = NIBBLES[data[i]!]!
    const low = NIBBLES[data[i + 1]!]!
    if ((high | low) > 15) return -1
    view.setUint8(out++, (high << 4) | low)
    i += 2
  }
  return out
}
