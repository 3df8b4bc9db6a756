import type { CellMask } from './cell-mask.js'
import { compileDateShift } from './date-shift-rule.js'
import { compileConstant, compileNull, compileRedact } from './fixed-rules.js'
import { compileFpe } from './fpe-rule.js'
import { compileGeneralizeRange, compileGeneralizeYear } from './generalize-rules.js'
import { bindMaskKey, type MaskKey } from './mask-key.js'
import { compilePartialEmail, compilePartialLast4 } from './partial-rules.js'
import { COLUMN_TYPES, type ColumnTypeName, type RuleContext, refusedRule } from './rule-context.js'
import { parseRuleName } from './rule-name.js'
import { compileHash, compileTokenize } from './token-rules.js'

export interface MaskColumnOptions {
  /** The HMAC key of the keyed rules (`hash`, `tokenize`, `date-shift`, `fpe`); the others ignore it. */
  readonly key?: MaskKey | undefined
  readonly column: string
  readonly table?: string | undefined
  /** A name that several columns share so that equal values give equal results: joins across tables keep working. */
  readonly domain?: string | undefined
  /** The logical type of the column, `text` when left out. */
  readonly type?: string | undefined
}

/** Compiles a column mask, once per column and stream. Fails closed before any row is read: `CONFIG_INVALID` for an
 * unknown rule, a bad argument or a column type that the rule does not serve, `MASK_KEY_MISSING` for a keyed rule
 * without a key. Each rule's own doc says which types it serves and what it gives. */
export function compileMask(rule: string, options: MaskColumnOptions): CellMask {
  const { column, table, domain } = options
  const at = table === undefined ? column : `${table}.${column}`
  const parsed = parseRuleName(rule, at)
  const scope = domain !== undefined ? { domain } : table !== undefined ? { column, table } : { column }
  const context: RuleContext = {
    rule: parsed.text,
    type: columnType(options.type ?? 'text', at),
    at,
    keys: bindMaskKey(options.key, scope),
  }
  switch (parsed.name) {
    case 'redact':
      return compileRedact(context)
    case 'null':
      return compileNull(context)
    case 'constant':
      return compileConstant(context, parsed.argument)
    case 'hash':
      return compileHash(context)
    case 'tokenize':
      return compileTokenize(context)
    case 'partial-email':
      return compilePartialEmail(context)
    case 'partial-last4':
      return compilePartialLast4(context)
    case 'date-shift':
      return compileDateShift(context)
    case 'generalize-year':
      return compileGeneralizeYear(context)
    case 'generalize-range':
      return compileGeneralizeRange(context, parsed.size)
    case 'fpe':
      return compileFpe(context)
  }
}

function columnType(type: string, at: string): ColumnTypeName {
  const bare = /^[a-z\d]+/.exec(type)?.[0]
  const known = COLUMN_TYPES.find((name) => name === bare)
  if (known === undefined) throw refusedRule(at, 'the column has a type that masks do not know')
  return known
}
