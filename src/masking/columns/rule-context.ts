import { AirlockError } from '../../errors/index.js'
import type { DerivedKeys } from './mask-key.js'

/** The logical column types by their bare names (`decimal(10,2)` is `decimal`, `array<int32>` is `array`). */
export const COLUMN_TYPES = [
  'boolean',
  'int16',
  'int32',
  'int64',
  'uint64',
  'decimal',
  'float32',
  'float64',
  'text',
  'bytes',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'json',
  'bit',
  'array',
] as const
export type ColumnTypeName = (typeof COLUMN_TYPES)[number]

/** What a rule may know while it is compiled for one column. `at` is `table.column`, the only name that its errors
 * carry; `keys` exists only when a mask key was given. */
export interface RuleContext {
  readonly rule: string
  readonly type: ColumnTypeName
  readonly at: string
  readonly keys: DerivedKeys | undefined
}

/** `CONFIG_INVALID` for a rule that cannot serve this column; `problem` is a fixed sentence, never the rule's text,
 * because `constant:` may hold anything. */
export function refusedRule(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at, problem } })
}

/** `MASK_FAILED` for a value that does not fit its rule. It names the column and nothing of the value. */
export function failedMask(at: string): AirlockError {
  return new AirlockError('MASK_FAILED', { phase: 'mask', params: { at } })
}

/** The keys of a keyed rule, or `MASK_KEY_MISSING`: a keyed mask never runs on a default key. */
export function requireKeys(context: RuleContext): DerivedKeys {
  if (context.keys === undefined) {
    throw new AirlockError('MASK_KEY_MISSING', { phase: 'config', params: { at: context.at } })
  }
  return context.keys
}
