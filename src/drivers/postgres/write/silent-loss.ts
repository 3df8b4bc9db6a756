import type { Column } from '../../../core/batch.js'
import type { LogicalType } from '../../../core/column-type.js'

/** What Postgres would do to values of a column on the way into a type without an error: rounding, cutting, and hex text
 * where bytes were meant. Undefined where every value arrives as it is or is refused by the server. */
export function silentLoss(column: Column, into: string): string | undefined {
  const { type } = column
  if (type.kind === 'bytes' && !/^(bytea|geometry|geography)/.test(into)) return `holds bytes, which ${into} cannot`
  const cut = (into === 'name' || into === '"char"') && column.sourceType !== into
  if (type.kind === 'text' && cut) return `would be cut to fit ${into}`
  if (type.kind === 'time' || type.kind === 'timestamp' || type.kind === 'timestamptz') {
    const digits = /^time(?:stamp)?\((\d)\)/.exec(into)?.[1]
    if (digits !== undefined && (type.precision ?? 6) > Number(digits))
      return `would be rounded to ${digits} digits of a second`
    if (into === 'date') return 'would lose its time'
  }
  return numericLoss(type, into)
}

/** The digits that a binary number holds exactly, whatever the value (IEEE 754). */
const EXACT_DIGITS: Readonly<Record<string, number>> = { real: 6, 'double precision': 15 }

function numericLoss(type: LogicalType, into: string): string | undefined {
  const number = exactNumber(type)
  if (number === undefined) return undefined
  const scale = /^numeric\(\d+,(-?\d+)\)$/.exec(into)?.[1]
  if (scale !== undefined && number.scale > Number(scale)) return `would be rounded to ${scale} digits`
  // A binary number takes another of its own width or less as it is.
  if (type.kind === 'float32' && into in EXACT_DIGITS) return undefined
  if (type.kind === 'float64' && into === 'double precision') return undefined
  const exact = EXACT_DIGITS[into]
  if (exact !== undefined && (number.scale > 0 || number.digits > exact)) return `would be rounded to ${into}`
  if (type.kind === 'decimal' && number.scale > 0 && /^(integer|bigint|smallint)$/.test(into))
    return `would be rounded to ${into}`
  return undefined
}

/** How many digits a number of this type may have, and how many of them behind the point. */
function exactNumber(type: LogicalType): { readonly digits: number; readonly scale: number } | undefined {
  switch (type.kind) {
    case 'int16':
      return { digits: 5, scale: 0 }
    case 'int32':
      return { digits: 10, scale: 0 }
    case 'int64':
      return { digits: 19, scale: 0 }
    case 'uint64':
      return { digits: 20, scale: 0 }
    case 'decimal':
      return {
        digits: type.precision ?? Number.POSITIVE_INFINITY,
        scale: type.scale ?? (type.precision === undefined ? Number.POSITIVE_INFINITY : 0),
      }
    case 'float32':
    case 'float64':
      return { digits: Number.POSITIVE_INFINITY, scale: Number.POSITIVE_INFINITY }
    default:
      return undefined
  }
}
