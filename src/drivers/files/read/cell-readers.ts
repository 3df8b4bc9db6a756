import type { LogicalType } from '../../../core/column-type.js'
import { decimalReader, floatReader, integerReader } from './cell-numbers.js'
import { type CellReader, CONVERTED, IN_PLACE, MISFIT, shortText } from './cell-reader.js'
import { readDate, readInterval, timeReader, timestampReader, timestamptzReader } from './cell-times.js'

/** How a file writes bytes. */
export type BytesForm = 'hex' | 'base64'

/** The reader of a type; undefined for text, which any bytes are (that they are UTF-8 was checked before). */
export function cellReader(type: LogicalType, bytes: BytesForm): CellReader | undefined {
  switch (type.kind) {
    case 'boolean':
      return readBoolean
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
      return integerReader(type.kind)
    case 'decimal':
      return decimalReader(type)
    case 'float32':
    case 'float64':
      return floatReader(type.kind)
    case 'text':
      return type.length === undefined ? undefined : lengthReader(type.length)
    case 'bytes':
      return bytes === 'hex' ? readHex : readBase64
    case 'bit': {
      const { length } = type
      return shortText((text) => (text.length === length && /^[01]+$/.test(text) ? text : undefined), length)
    }
    case 'date':
      return readDate
    case 'time':
      return timeReader(type)
    case 'timestamp':
      return timestampReader(type)
    case 'timestamptz':
      return timestamptzReader(type)
    case 'interval':
      return readInterval
    case 'uuid':
      return readUuid
    case 'json':
      return readJson
    case 'array':
      return readArray
  }
}

const BOOLEANS: Readonly<Record<string, string>> = { true: 't', t: 't', 1: 't', false: 'f', f: 'f', 0: 'f' }

const readBoolean: CellReader = shortText((text) => BOOLEANS[text.toLowerCase()], 5)

const readUuid: CellReader = shortText(
  (text) => (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined),
  36,
)

/** At most `length` characters; UTF-8 continuation bytes begin with the bits 10. */
function lengthReader(length: number): CellReader {
  return (builder, data, start, end, shift) => {
    if (end - start > length) {
      let characters = 0
      for (let at = start; at < end; at++) if ((data[at]! & 0xc0) !== 0x80) characters++
      if (characters > length) return MISFIT
    }
    builder.put(start + shift, end + shift)
    return IN_PLACE
  }
}

/** Values of hexadecimal digits; 255 for all other bytes. */
const NIBBLES = new Uint8Array(256).fill(255)
for (let digit = 0; digit < 16; digit++) {
  for (const letter of [digit.toString(16), digit.toString(16).toUpperCase()]) NIBBLES[letter.charCodeAt(0)] = digit
}

/** Hexadecimal digits, also with the `\x` of Postgres in front. */
const readHex: CellReader = (builder, data, start, end) => {
  const from = data[start] === 0x5c && data[start + 1] === 0x78 && end - start >= 2 ? start + 2 : start
  const length = (end - from) / 2
  if (!Number.isInteger(length)) return MISFIT
  const tail = builder.convert(length)
  const at = builder.tailAt
  for (let i = 0; i < length; i++) {
    const high = NIBBLES[data[from + i * 2]!]!
    const low = NIBBLES[data[from + i * 2 + 1]!]!
    if (high === 255 || low === 255) return MISFIT
    tail[at + i] = (high << 4) | low
  }
  builder.putConverted(length)
  return CONVERTED
}

/** Base64 with its padding (RFC 4648 section 4). */
const readBase64: CellReader = (builder, data, start, end) => {
  const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return MISFIT
  const decoded = Buffer.from(text, 'base64')
  builder.convert(decoded.length).set(decoded, builder.tailAt)
  builder.putConverted(decoded.length)
  return CONVERTED
}

/** Whether the bytes are one JSON value (RFC 8259). They are parsed for that only: what is kept is the text. */
export function isJson(data: Uint8Array, start: number, end: number): boolean {
  try {
    JSON.parse(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8'))
    return true
  } catch {
    // The parser's own error quotes the value.
    return false
  }
}

const readJson: CellReader = (builder, data, start, end, shift) => {
  if (!isJson(data, start, end)) return MISFIT
  builder.put(start + shift, end + shift)
  return IN_PLACE
}

/** Postgres array text: braces that match outside of quotes, with optional bounds in front. */
const readArray: CellReader = (builder, data, start, end, shift) => {
  const text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1')
  const bounds = /^(?:\[-?\d+:-?\d+\])+=/.exec(text)?.[0].length ?? 0
  if (!matchesBraces(text, bounds)) return MISFIT
  builder.put(start + shift, end + shift)
  return IN_PLACE
}

function matchesBraces(text: string, from: number): boolean {
  if (text[from] !== '{') return false
  let depth = 0
  let quoted = false
  for (let at = from; at < text.length; at++) {
    const letter = text[at]
    if (letter === '\\') at++
    else if (letter === '"') quoted = !quoted
    else if (!quoted && letter === '{') depth++
    else if (!quoted && letter === '}' && --depth === 0) return at === text.length - 1
  }
  return false
}
