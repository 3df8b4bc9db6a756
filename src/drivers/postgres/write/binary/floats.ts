import { doubleOf } from './long-double.js'

/** The least float4 that is not subnormal, and the distance of half a subnormal one from the next. */
const LEAST_NORMAL = 2 ** -126
const HALF_STEP = 2 ** -150

/** The low half of a double that lies between two float4: one of the bits that go, and no other. */
const DROPPED = 0x1fffffff
const HALFWAY = 0x10000000

/** float8 out of ASCII: the place behind it, or -1 for text that the server has to judge: no number, or one that is too
 * great or too small. */
export function putDouble(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  const value = doubleOf(data, start, end)
  if (isOdd(value) && !isNamed(value, data, start, end)) return -1
  if (Number.isNaN(value)) {
    view.setInt32(at, 0x7ff80000)
    view.setInt32(at + 4, 0)
  } else view.setFloat64(at, value)
  return at + 8
}

/** float4 likewise. The text was rounded once, to a double: one that lies between two float4 does not say to which side the
 * text did, so that the server decides. */
export function putFloat(data: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  const value = doubleOf(data, start, end)
  const single = Math.fround(value)
  if (isOdd(single) && !isNamed(value, data, start, end)) return -1
  if (Number.isNaN(value)) {
    view.setInt32(at, 0x7fc00000)
    return at + 4
  }
  if (single !== value) {
    if (Math.abs(value) < LEAST_NORMAL) {
      if (Number.isInteger(value / HALF_STEP)) return -1
    } else {
      // Eight bytes are free here: no cell is reserved less.
      view.setFloat64(at, value)
      if ((view.getInt32(at + 4) & DROPPED) === HALFWAY) return -1
    }
  }
  view.setFloat32(at, single)
  return at + 4
}

/** NaN, an infinity, or zero: what also comes of text that is no number, or one out of range. */
function isOdd(value: number): boolean {
  return value === 0 || value - value !== 0
}

/** Whether the text says just this. Blanks, which `Number` would skip, make a zero too. */
function isNamed(value: number, data: Uint8Array, start: number, end: number): boolean {
  if (value !== 0) {
    const name = Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
    if (end - start !== name.length) return false
    for (let i = 0; i < name.length; i++) if (data[start + i] !== name.charCodeAt(i)) return false
    return true
  }
  let zeros = 0
  for (let i = data[start] === 0x2d ? start + 1 : start; i < end; i++) {
    if (data[i] === 0x30) zeros++
    else if (data[i] !== 0x2e) return false
  }
  return zeros > 0
}
