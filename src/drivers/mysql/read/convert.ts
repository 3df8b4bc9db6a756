import type { BatchBuilder } from '../../../core/batch-builder.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlPolicies } from '../policies.js'
import type { Conversion } from './columns.js'

/** Appends the cell buffer[start, end) in its canonical form. `region` is added to an offset in `buffer` to give the offset
 * of the same byte in the batch, for cells that need no change. */
export type Converter = (builder: BatchBuilder, buffer: Uint8Array, start: number, end: number, region: number) => void

/** The converter of one column, or undefined where the wire's bytes are canonical already. `count` is told each time that
 * a policy decided. Throws VALUE_POLICY, naming the column but not the value, where a policy says `error`. */
export function converterOf(
  conversion: Conversion,
  column: string,
  policies: MysqlPolicies,
  count: (policy: string) => void,
): Converter | undefined {
  const refuse = (): never => {
    throw new AirlockError('VALUE_POLICY', { phase: 'extract', params: { at: column } })
  }
  switch (conversion) {
    case 'copy':
      return undefined
    case 'integer':
      return convertInteger
    case 'float32':
      return convertFloat32
    case 'boolean':
      return (builder, buffer, start, end) => {
        const digit = end - start === 1 ? buffer[start]! - ZERO : 2
        if (digit > 1) refuse()
        putText(builder, digit === 1 ? 't' : 'f')
      }
    case 'bit-boolean':
      return (builder, buffer, _start, end) => putText(builder, (buffer[end - 1]! & 1) === 1 ? 't' : 'f')
    case 'bit':
      return convertBit
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return dateConverter(conversion, policies.zero_dates, count, refuse)
    case 'time-of-day':
      return (builder, buffer, start, end, region) => {
        // hh:mm:ss of one day: no sign, two digits, at most 24:00:00.
        const colon = buffer.indexOf(COLON, start)
        const hours = colon - start === 2 ? (buffer[start]! - ZERO) * 10 + buffer[start + 1]! - ZERO : 99
        const rest = String.fromCharCode(...buffer.subarray(colon, end))
        if (hours < 0 || hours > 24 || (hours === 24 && /[1-9]/.test(rest))) refuse()
        builder.put(start + region, end + region)
      }
    case 'set':
      return convertSet
    case 'ewkb':
      return convertGeometry
    case 'uuid':
      return convertUuid
  }
}

const ZERO = 0x30
const COLON = 0x3a
const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c

function putText(builder: BatchBuilder, ascii: string): void {
  const tail = builder.convert(ascii.length)
  const at = builder.tailAt
  for (let i = 0; i < ascii.length; i++) tail[at + i] = ascii.charCodeAt(i)
  builder.putConverted(ascii.length)
}

const convertInteger: Converter = (builder, buffer, start, end, region) => {
  let from = start
  while (from < end - 1 && buffer[from] === ZERO && buffer[from + 1]! >= ZERO && buffer[from + 1]! <= 0x39) from++
  builder.put(from + region, end + region)
}

/** The shortest text that reads back as the same float; nine digits always do (IEEE 754). */
const convertFloat32: Converter = (builder, buffer, start, end, region) => {
  const text = String.fromCharCode(...buffer.subarray(start, end))
  const value = Math.fround(Number(text))
  for (let digits = 6; digits <= 9; digits++) {
    const short = value.toPrecision(digits)
    if (Math.fround(Number(short)) !== value) continue
    const shortest = Object.is(value, -0) ? '-0' : String(Number(short))
    return shortest.length < text.length ? putText(builder, shortest) : builder.put(start + region, end + region)
  }
  builder.put(start + region, end + region)
}

/** A left-padded big-endian number becomes its digits; the column's width gives the padding. */
const convertBit: Converter = (builder, buffer, start, end) => {
  const type = builder.columns[(builder.cursor / 2) % builder.columns.length]!.type
  const width = type.kind === 'bit' ? type.length : (end - start) * 8
  const tail = builder.convert(width)
  const at = builder.tailAt
  for (let i = 0; i < width; i++) {
    const bit = width - 1 - i
    const byte = buffer[end - 1 - (bit >> 3)] ?? 0
    tail[at + i] = ZERO + ((byte >> (bit & 7)) & 1)
  }
  builder.putConverted(width)
}

function dateConverter(
  kind: 'date' | 'timestamp' | 'timestamptz',
  policy: MysqlPolicies['zero_dates'],
  count: (policy: string) => void,
  refuse: () => never,
): Converter {
  const epoch = kind === 'date' ? '1970-01-01' : `1970-01-01 00:00:00${kind === 'timestamptz' ? '+00' : ''}`
  return (builder, buffer, start, end, region) => {
    // YYYY-MM-DD: a date is zero, or partly zero, when its year, its month or its day is.
    const noYear =
      buffer[start] === ZERO && buffer[start + 1] === ZERO && buffer[start + 2] === ZERO && buffer[start + 3] === ZERO
    const noMonth = buffer[start + 5] === ZERO && buffer[start + 6] === ZERO
    const noDay = buffer[start + 8] === ZERO && buffer[start + 9] === ZERO
    if (noYear || noMonth || noDay) {
      count(noMonth && noDay && noYear ? 'zero_dates' : 'partial_zero_dates')
      if (policy === 'error') refuse()
      else if (policy === 'null') builder.putNull()
      else putText(builder, epoch)
    } else if (kind === 'timestamptz') {
      const length = end - start
      const tail = builder.convert(length + 3)
      const at = builder.tailAt
      for (let i = 0; i < length; i++) tail[at + i] = buffer[start + i]!
      tail[at + length] = 0x2b
      tail[at + length + 1] = ZERO
      tail[at + length + 2] = ZERO
      builder.putConverted(length + 3)
    } else {
      builder.put(start + region, end + region)
    }
  }
}

/** `a,b c` becomes `{a,"b c"}`, quoted where Postgres quotes: checksums compare the text that it prints. A member of a SET
 * cannot hold a comma. */
const convertSet: Converter = (builder, buffer, start, end) => {
  const tail = builder.convert((end - start) * 3 + 4)
  const from = builder.tailAt
  let at = from
  tail[at++] = 0x7b
  for (let first = start; end > start && first <= end; ) {
    let last = first
    while (last < end && buffer[last] !== COMMA) last++
    const quoted = needsQuotes(buffer, first, last)
    if (first > start) tail[at++] = COMMA
    if (quoted) tail[at++] = QUOTE
    for (let i = first; i < last; i++) {
      const byte = buffer[i]!
      if (byte === QUOTE || byte === BACKSLASH) tail[at++] = BACKSLASH
      tail[at++] = byte
    }
    if (quoted) tail[at++] = QUOTE
    first = last + 1
  }
  tail[at++] = 0x7d
  builder.putConverted(at - from)
}

/** Whether array_out of Postgres puts an element into quotes: an empty one, NULL, and what has a meaning in an array. */
function needsQuotes(buffer: Uint8Array, start: number, end: number): boolean {
  if (end === start) return true
  if (end - start === 4 && /^null$/i.test(String.fromCharCode(...buffer.subarray(start, end)))) return true
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!
    const isBlank = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
    if (isBlank || byte === QUOTE || byte === BACKSLASH || byte === 0x7b || byte === 0x7d) return true
  }
  return false
}

/** MySQL stores a little-endian SRID in front of WKB; EWKB has it behind the type, announced by a flag. Without an SRID
 * it is plain WKB. (OGC 06-103r4, PostGIS' EWKB.) */
const convertGeometry: Converter = (builder, buffer, start, end, region) => {
  const srid = buffer[start]! | (buffer[start + 1]! << 8) | (buffer[start + 2]! << 16) | (buffer[start + 3]! << 24)
  if (srid === 0 || end - start < 9 || buffer[start + 4] !== 1)
    return builder.put(Math.min(start + 4, end) + region, end + region)
  const length = end - start
  const tail = builder.convert(length)
  const at = builder.tailAt
  tail.set(buffer.subarray(start + 4, start + 9), at)
  tail[at + 4] = tail[at + 4]! | 0x20
  tail.set(buffer.subarray(start, start + 4), at + 5)
  tail.set(buffer.subarray(start + 9, end), at + 9)
  builder.putConverted(length)
}

const HEX = '0123456789abcdef'

const convertUuid: Converter = (builder, buffer, start, end) => {
  let text = ''
  for (let i = start; i < end; i++) {
    if (i - start === 4 || i - start === 6 || i - start === 8 || i - start === 10) text += '-'
    text += HEX[buffer[i]! >> 4]! + HEX[buffer[i]! & 15]!
  }
  putText(builder, text)
}
