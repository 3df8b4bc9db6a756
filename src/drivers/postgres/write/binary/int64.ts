const TWO_32 = 0x1_0000_0000

/** Writes `a × factor + b` as a signed 64-bit integer, big-endian. Exact while |a| < 2⁵³, factor ≤ 10⁹ and |b| < 10⁹: the
 * factors are split so that no product leaves the integers that a double holds. The sum has to fit 64 bits. */
export function putInt64(view: DataView, at: number, a: number, factor: number, b: number): void {
  const upper = Math.floor(a / 65_536)
  const lower = (a - upper * 65_536) * factor + b
  const product = upper * factor
  const above = Math.floor(product / 65_536)
  const low = (product - above * 65_536) * 65_536 + lower
  const carry = Math.floor(low / TWO_32)
  view.setInt32(at, above + carry)
  view.setInt32(at + 4, low - carry * TWO_32)
}
