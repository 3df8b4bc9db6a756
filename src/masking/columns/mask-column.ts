import { ByteSink } from './byte-sink.js'
import { compileMask, type MaskColumnOptions } from './compile-mask.js'

/** Masks one value: `cellText` is the canonical text of a cell, null is SQL NULL and stays null. For many values of one
 * column `compileMask` is the cheaper form of the same. Throws `CONFIG_INVALID` for an unknown rule or a bad argument,
 * `MASK_KEY_MISSING` for a keyed rule without a key, `MASK_FAILED`, without the value, for a value that does not fit. */
export function maskColumn(rule: string, cellText: string | null, options: MaskColumnOptions): string | null {
  const mask = compileMask(rule, options)
  if (cellText === null) return null
  const data = new TextEncoder().encode(cellText)
  const out = new ByteSink(64)
  if (!mask.apply(data, 0, data.length, out)) return null
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(out.bytes.subarray(0, out.length))
}
