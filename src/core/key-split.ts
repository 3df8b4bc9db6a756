/** What a table can be divided by: a column of whole numbers, one of uuids, or, for sources that name a column of blocks
 * (`blockColumn`), where the rows lie. */
export type KeyKind = 'whole' | 'uuid' | 'blocks'

/** How a table is to be divided. */
export interface KeySplitRequest {
  readonly table: string
  readonly column: string
  readonly kind: KeyKind
  /** How many ranges there should be. */
  readonly ranges: number
  readonly where?: string
}

/** The points between `count` ranges of about equal width from `least` to `greatest`; fewer where there are not so many
 * values. */
export function splitEvenly(least: bigint, greatest: bigint, count: number): bigint[] {
  const width = greatest - least + 1n
  const ranges = width < BigInt(count) ? width : BigInt(count)
  const points: bigint[] = []
  for (let at = 1n; at < ranges; at++) points.push(least + (width * at) / ranges)
  return points
}

/** The 128 bits of a uuid, or of 32 hex digits. */
export function uuidBits(text: string): bigint {
  return BigInt(`0x${text.replaceAll('-', '')}`)
}

/** 32 hex digits. */
export function uuidDigits(bits: bigint): string {
  return bits.toString(16).padStart(32, '0')
}

/** A uuid with its dashes, of 32 hex digits. */
export function uuidText(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
