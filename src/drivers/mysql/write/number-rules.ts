import type { MysqlPolicies } from '../policies.js'
import { type RuleContext, refusedByPolicy, type ValueRule, valueRejected } from './value-rule.js'

const ZERO = 0x30
const NINE = 0x39
const POINT = 0x2e
const MINUS = 0x2d

/** NaN and infinite numbers by their policy; every other float is taken as it is. */
export function floatRule(context: RuleContext, policies: MysqlPolicies): ValueRule {
  return (edit, data, start) => {
    const first = data[start] === MINUS ? data[start + 1]! : data[start]!
    if (first === POINT || (first >= ZERO && first <= NINE)) return
    nonFinite(edit, context, policies)
  }
}

/** Digits of a decimal against those of the column: the server would round the ones behind the point with a note only.
 * `unbounded` says that the source declared none, so that the policy for such columns is to blame. */
export function decimalRule(
  context: RuleContext,
  policies: MysqlPolicies,
  [precision = 10, scale = 0]: readonly number[],
  unbounded: boolean,
): ValueRule {
  const refuse = () => (unbounded ? refusedByPolicy(context.column) : valueRejected(context.column))
  return (edit, data, start, end) => {
    let at = data[start] === MINUS ? start + 1 : start
    if (data[at]! > NINE) return nonFinite(edit, context, policies)
    while (at < end && data[at] === ZERO) at++
    const whole = at
    while (at < end && data[at]! >= ZERO && data[at]! <= NINE) at++
    if (at - whole > precision - scale) throw refuse()
    if (at === end) return
    if (data[at] !== POINT) throw valueRejected(context.column)
    const fraction = at + 1
    let last = end
    while (last > fraction && data[last - 1] === ZERO) last--
    for (at = fraction; at < last; at++) {
      if (data[at]! < ZERO || data[at]! > NINE) throw valueRejected(context.column)
    }
    if (last - fraction > scale) throw refuse()
    if (end - fraction > scale) edit.cut(last === fraction ? fraction - 1 : last)
  }
}

/** A YEAR takes '5' for 2005: only four digits mean themselves, and the year 0. */
export function yearRule(context: RuleContext): ValueRule {
  return (edit, data, start, end) => {
    if (end - start === 1 && data[start] === ZERO) return edit.replace('0000')
    if (end - start !== 4) throw valueRejected(context.column)
  }
}

function nonFinite(edit: { null(): void }, context: RuleContext, policies: MysqlPolicies): void {
  context.count('nonfinite')
  if (policies.nonfinite !== 'null') throw refusedByPolicy(context.column)
  edit.null()
}
