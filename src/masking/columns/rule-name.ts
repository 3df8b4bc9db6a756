import { refusedRule } from './rule-context.js'

/** A rule as it was written, taken apart: `argument` is the text of `constant:<v>`, `size` the n of
 * `generalize-range-<n>`, `text` the canonical spelling. */
export type RuleName =
  | { readonly name: PlainRule; readonly text: string }
  | { readonly name: 'constant'; readonly text: string; readonly argument: string }
  | { readonly name: 'generalize-range'; readonly text: string; readonly size: number }

const PLAIN_RULES = [
  'redact',
  'null',
  'hash',
  'tokenize',
  'partial-email',
  'partial-last4',
  'date-shift',
  'generalize-year',
  'fpe',
] as const
type PlainRule = (typeof PLAIN_RULES)[number]

const UNKNOWN = `unknown mask rule; the rules are ${PLAIN_RULES.join(', ')}, constant:<v> and generalize-range-<n>`
const LARGEST_RANGE = 10 ** 15

/** Parses the text of a mask rule. Throws `CONFIG_INVALID` for anything that is not exactly one of the rules, without
 * repeating it. */
export function parseRuleName(rule: string, at: string): RuleName {
  const plain = PLAIN_RULES.find((name) => name === rule)
  if (plain !== undefined) return { name: plain, text: plain }
  if (rule.startsWith('constant:')) return { name: 'constant', text: rule, argument: rule.slice('constant:'.length) }
  const range = /^generalize-range-(\d{1,16})$/.exec(rule)
  if (range === null) throw refusedRule(at, UNKNOWN)
  const size = Number(range[1])
  if (size < 2 || size > LARGEST_RANGE) throw refusedRule(at, 'the size of generalize-range must be 2 to 10^15')
  return { name: 'generalize-range', text: `generalize-range-${size}`, size }
}
