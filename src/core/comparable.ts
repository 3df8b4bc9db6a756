import type { Column } from './batch.js'
import type { LogicalKind, LogicalType } from './column-type.js'

const NUMBERS: readonly LogicalKind[] = ['int16', 'int32', 'int64', 'uint64', 'decimal', 'boolean']
const FLOATS: readonly LogicalKind[] = ['float32', 'float64']
const MOMENTS: readonly LogicalKind[] = ['timestamp', 'timestamptz']
const CLOCKS: readonly LogicalKind[] = ['interval', 'time']

/** As what the cells of a source column and of the target column that holds them can be compared: the type for which equal
 * values have equal checksums at both ends. Undefined where the two engines write the same value in forms that have
 * nothing to do with each other, e.g. an array here and JSON there. */
export function comparableType(source: Column, target: Column): LogicalType | undefined {
  const [from, to] = [source.type.kind, target.type.kind]
  const both = (kinds: readonly LogicalKind[]) => kinds.includes(from) && kinds.includes(to)
  if (from === to) return source.type
  if (both(NUMBERS)) return { kind: 'decimal' }
  if (both(FLOATS)) return { kind: 'float32' }
  if (both(MOMENTS)) return { kind: 'timestamp' }
  if (both(CLOCKS)) return { kind: 'interval' }
  if (from === 'bytes' || to === 'bytes') return undefined
  if (to === 'text') return source.type
  return from === 'text' ? target.type : undefined
}
