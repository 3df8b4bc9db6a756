import type { LogicalKind } from '../core/column-type.js'

const NUMBERS: readonly LogicalKind[] = ['int16', 'int32', 'int64', 'uint64', 'decimal']
const MOMENTS: readonly LogicalKind[] = ['date', 'time', 'timestamp', 'timestamptz']

/** Whether the cursor value `next` comes before `last`, both canonical texts of the kind. Texts have the order of their
 * server, which nobody else knows: the source read from `last` on, so what it found does not come before. */
export function comesBefore(kind: LogicalKind, next: string, last: string): boolean {
  if (NUMBERS.includes(kind)) return compareNumbers(next, last) < 0
  if (MOMENTS.includes(kind)) return compareMoments(next, last) < 0
  return false
}

function compareNumbers(a: string, b: string): number {
  const [left, right] = [numberOf(a), numberOf(b)]
  if (typeof left === 'number' || typeof right === 'number') return rank(left) - rank(right)
  const scale = Math.max(left.scale, right.scale)
  const difference = left.digits * 10n ** BigInt(scale - left.scale) - right.digits * 10n ** BigInt(scale - right.scale)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

type Exact = { readonly digits: bigint; readonly scale: number }

/** Exact digits, or the rank of a value that has none. */
function numberOf(text: string): Exact | number {
  if (text === '-Infinity') return -1
  if (text === 'Infinity') return 1
  if (text === 'NaN') return 2
  const [whole = '0', fraction = ''] = text.split('.')
  return { digits: BigInt(whole + fraction), scale: fraction.length }
}

function rank(value: Exact | number): number {
  return typeof value === 'number' ? value : 0
}

function compareMoments(a: string, b: string): number {
  const [left, right] = [momentOf(a), momentOf(b)]
  if (left.year !== right.year) return left.year - right.year
  return left.rest < right.rest ? -1 : left.rest > right.rest ? 1 : 0
}

/** Years of more than four digits and before Christ do not sort as text; what follows the year does. */
function momentOf(text: string): { readonly year: number; readonly rest: string } {
  if (text === 'infinity') return { year: Number.MAX_SAFE_INTEGER, rest: '' }
  if (text === '-infinity') return { year: Number.MIN_SAFE_INTEGER, rest: '' }
  const [, year = '0', rest = '', bc] = /^(\d+)([^B+]*)(?:\+00)?( BC)?$/.exec(text) ?? []
  return { year: bc === undefined ? Number(year) : 1 - Number(year), rest: rest.replace(/\.?0+$/, withoutZeros) }
}

/** Zeros at the end of a fraction say nothing; those of whole seconds do. */
function withoutZeros(zeros: string, at: number, text: string): string {
  return text.lastIndexOf('.') >= 0 && at >= text.lastIndexOf('.') ? '' : zeros
}
