/** Decodes the hex digits of `data[from, end)` to where `to` points, which may be the same memory as long as it does not
 * lie behind them; returns where the bytes end. Digits are lower-case, as Postgres writes them. */
export function decodeHex(data: Uint8Array, from: number, end: number, to: number): number {
  let at = to
  for (let i = from; i < end; i += 2) data[at++] = (nibble(data[i]!) << 4) | nibble(data[i + 1]!)
  return at
}

function nibble(digit: number): number {
  return digit <= 0x39 ? digit - 0x30 : digit - 0x57
}
