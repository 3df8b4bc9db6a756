import { formsOf } from '../../src/masking/encodings.js'
import type { LiveForm } from '../../src/masking/registry.js'

/** The derived forms of strong values. */
export function encoding(values: readonly string[]): LiveForm[] {
  return values.flatMap((value) => formsOf(value, false).map((form) => ({ ...form, short: false })))
}
