const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30

const NEGATIVE = 0x4000
const NOT_A_NUMBER = 0xc000

/** Cells that are longer go to the server as text, which knows where a numeric ends. */
const LONGEST = 4096

/** numeric out of ASCII decimals: groups of four digits, the first of them with the weight 10000^weight, and the digits
 * behind the point as written (`numeric_recv` of the server). Returns the place behind it, or -1 for any other text. At
 * most half as long as the text, and 12 bytes. */
export function putNumeric(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  if (end - start > LONGEST) return -1
  if (data[start] === 0x4e) return putNaN(data, start, end, view, at)
  const negative = data[start] === MINUS
  const first = negative ? start + 1 : start
  let point = first
  while (point < end && data[point] !== POINT) point++
  const whole = point - first
  const scale = point === end ? 0 : end - point - 1
  if (whole === 0 || (scale === 0 && point < end)) return -1
  let out = at + 8
  let group = 0
  let filled = (4 - (whole % 4)) % 4
  for (let i = first; i < point; i++) {
    const digit = data[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    group = group * 10 + digit
    if (++filled < 4) continue
    view.setInt16(out, group)
    out += 2
    group = 0
    filled = 0
  }
  for (let i = point + 1; i < end; i++) {
    const digit = data[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    group = group * 10 + digit
    if (++filled < 4) continue
    view.setInt16(out, group)
    out += 2
    group = 0
    filled = 0
  }
  if (filled > 0) {
    for (; filled < 4; filled++) group *= 10
    view.setInt16(out, group)
    out += 2
  }
  view.setInt16(at, (out - at - 8) / 2)
  view.setInt16(at + 2, Math.ceil(whole / 4) - 1)
  view.setInt16(at + 4, negative ? NEGATIVE : 0)
  view.setInt16(at + 6, scale)
  return out
}

/** The infinities are left to the server: it has them from version 14 on. */
function putNaN(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  if (end - start !== 3 || data[start + 1] !== 0x61 || data[start + 2] !== 0x4e) return -1
  view.setInt32(at, 0)
  view.setUint16(at + 4, NOT_A_NUMBER)
  view.setInt16(at + 6, 0)
  return at + 8
}
