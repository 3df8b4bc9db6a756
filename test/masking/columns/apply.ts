import { ByteSink } from '../../../src/masking/columns/byte-sink.js'
import type { CellMask } from '../../../src/masking/columns/cell-mask.js'
import { compileMask } from '../../../src/masking/columns/compile-mask.js'

/** Compiles a rule for column `t.c` under a fixed key. */
export function mask(rule: string, type = 'text', options: { key?: string; domain?: string } = {}): CellMask {
  return compileMask(rule, { key: 'a mask key for tests', ...options, column: 'c', table: 't', type })
}

/** Applies a mask to a cell that lies in the middle of other bytes and returns the text it appended, or null. */
export function apply(compiled: CellMask, text: string): string | null {
  const data = Buffer.from(`before${text}behind`)
  const out = new ByteSink(1)
  out.append(data, 0, 6)
  if (!compiled.apply(data, 6, data.length - 6, out)) return null
  return Buffer.from(out.bytes.subarray(6, out.length)).toString('utf8')
}

/** What a call throws, or undefined. */
export function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}
