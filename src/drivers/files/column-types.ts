import type { LogicalType } from '../../core/column-type.js'

const PLAIN: Readonly<Record<string, LogicalType>> = {
  boolean: { kind: 'boolean' },
  int16: { kind: 'int16' },
  int32: { kind: 'int32' },
  int64: { kind: 'int64' },
  uint64: { kind: 'uint64' },
  decimal: { kind: 'decimal' },
  float32: { kind: 'float32' },
  float64: { kind: 'float64' },
  text: { kind: 'text' },
  bytes: { kind: 'bytes' },
  date: { kind: 'date' },
  time: { kind: 'time' },
  timestamp: { kind: 'timestamp' },
  timestamptz: { kind: 'timestamptz' },
  interval: { kind: 'interval' },
  uuid: { kind: 'uuid' },
  json: { kind: 'json', storage: 'json' },
  jsonb: { kind: 'json', storage: 'jsonb' },
}

/** The logical type of a declaration as `formatType` prints it, e.g. `int64`, `decimal(12,2)`, `array<text>`; undefined for
 * anything else. */
export function columnType(text: string): LogicalType | undefined {
  const word = text.trim()
  if (Object.hasOwn(PLAIN, word)) return PLAIN[word]
  const element = /^array<(.+)>$/.exec(word)?.[1]
  if (element !== undefined) {
    const type = columnType(element)
    return type === undefined ? undefined : { kind: 'array', element: type }
  }
  const [, kind, first, second] = /^(\w+)\((\d{1,9})(?:,\s*(\d{1,5}))?\)$/.exec(word) ?? []
  if (kind === undefined || first === undefined) return undefined
  return sizedType(kind, Number(first), second === undefined ? undefined : Number(second))
}

function sizedType(kind: string, size: number, scale: number | undefined): LogicalType | undefined {
  if (kind === 'decimal') return size > 0 ? { kind, precision: size, scale: scale ?? 0 } : undefined
  if (scale !== undefined) return undefined
  if (kind === 'text' || kind === 'bit') return size > 0 ? { kind, length: size } : undefined
  const timed = kind === 'time' || kind === 'timestamp' || kind === 'timestamptz'
  return timed && size <= 6 ? { kind, precision: size } : undefined
}
