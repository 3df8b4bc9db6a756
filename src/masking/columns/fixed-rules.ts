import type { CellMask } from './cell-mask.js'
import { type ColumnTypeName, type RuleContext, refusedRule } from './rule-context.js'

/** What hides a value whole. Its length says nothing about the value. */
export const MASK_TEXT = '***'

/** `redact`: every value becomes `***`. Any column type; gives text. */
export function compileRedact(context: RuleContext): CellMask {
  return fixed(context.rule, 'text', MASK_TEXT)
}

/** `null`: every value becomes SQL NULL. Any column type, which it keeps. */
export function compileNull(context: RuleContext): CellMask {
  return { rule: context.rule, keyed: false, oneToOne: false, givesNull: true, output: 'same', apply: () => false }
}

/** `constant:<v>`: every value becomes v, which may be empty. The column keeps its type, so v must be a canonical value
 * of it (`CONFIG_INVALID` otherwise); for `bytes` it stands for its UTF-8 bytes, and text loses its length limit. */
export function compileConstant(context: RuleContext, value: string): CellMask {
  if (context.type === 'json') requireJson(context.at, value)
  else if (!fits(context.type, value)) throw refusedRule(context.at, UNFIT)
  return fixed(context.rule, context.type === 'text' ? 'text' : 'same', value)
}

const UNFIT = 'the constant is no value of the type of the column'

function fixed(rule: string, output: 'same' | 'text', value: string): CellMask {
  const bytes = new TextEncoder().encode(value)
  return {
    rule,
    keyed: false,
    oneToOne: false,
    givesNull: false,
    output,
    apply(_data, _start, _end, out) {
      out.append(bytes, 0, bytes.length)
      return true
    },
  }
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/
const INTEGER_RANGES: Partial<Record<ColumnTypeName, readonly [bigint, bigint]>> = {
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?'
const DATE = '\\d{4,7}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])'
const SHAPES: Partial<Record<ColumnTypeName, RegExp>> = {
  boolean: /^[tf]$/,
  decimal: /^(?:-?\d+(?:\.\d+)?|NaN|-?Infinity)$/,
  float32: /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|-?Infinity)$/,
  float64: /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|-?Infinity)$/,
  date: new RegExp(`^(?:${DATE}(?: BC)?|-?infinity)$`),
  time: new RegExp(`^${TIME}$`),
  timestamp: new RegExp(`^(?:${DATE} ${TIME}(?: BC)?|-?infinity)$`),
  timestamptz: new RegExp(`^(?:${DATE} ${TIME}\\+00(?: BC)?|-?infinity)$`),
  interval: /^(?:-?\d+:[0-5]\d:[0-5]\d(?:\.\d{1,6})?|-?P(?=[\dT-])[\dYMWDTHS.-]+)$/,
  uuid: /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/,
  bit: /^[01]+$/,
  array: /^\{.*\}$/s,
}

function fits(type: ColumnTypeName, value: string): boolean {
  const range = INTEGER_RANGES[type]
  if (range !== undefined) {
    if (!INTEGER.test(value) && !(type === 'uint64' && /^[1-9]\d{19}$/.test(value))) return false
    const number = BigInt(value)
    return number >= range[0] && number <= range[1]
  }
  return SHAPES[type]?.test(value) ?? true
}

function requireJson(at: string, value: string): void {
  try {
    JSON.parse(value)
  } catch {
    // The native error quotes the text that it could not parse.
    throw refusedRule(at, UNFIT)
  }
}
