import type { LogicalType } from '../../../core/column-type.js'
import type { MysqlPolicies } from '../policies.js'
import { arrayToJson, parseArray } from './array-json.js'
import { keepsNumbers } from './json-numbers.js'
import { asciiOf, type RuleContext, refusedByPolicy, utf8Of, type ValueRule, valueRejected } from './value-rule.js'

const BLANK = 0x20

/** Text against the length of a varchar or char: blanks too many would be cut with a note only, and a char loses all that
 * it ends in. `padded`: the source's blanks mean nothing either. */
export function lengthRule(context: RuleContext, length: number, char: boolean, padded: boolean): ValueRule {
  return (edit, data, start, to) => {
    let end = to
    if (char || padded) {
      while (end > start && data[end - 1] === BLANK) end--
      if (end < to && !padded) throw valueRejected(context.column)
    }
    if (end - start > length && characters(data, start, end) > length) throw valueRejected(context.column)
    if (end < to) edit.cut(end)
  }
}

/** An ENUM would take a number for the label at that place. */
export function enumRule(context: RuleContext, labels: readonly string[]): ValueRule {
  const known = new Set(['', ...labels])
  return (_edit, data, start, end) => {
    if (!known.has(utf8Of(data, start, end))) throw valueRejected(context.column)
  }
}

/** A SET from a text of labels with commas between, or from an array. */
export function setRule(context: RuleContext, labels: readonly string[], from: LogicalType): ValueRule {
  const known = new Set(labels)
  return (edit, data, start, end) => {
    const text = utf8Of(data, start, end)
    const members = from.kind === 'array' ? parseArray(text) : text === '' ? [] : text.split(',')
    if (members === undefined) throw valueRejected(context.column)
    for (const member of members) {
      if (typeof member !== 'string' || !known.has(member)) throw valueRejected(context.column)
    }
    edit.replace(members.join(','))
  }
}

/** An array of Postgres as JSON. */
export function arrayRule(context: RuleContext, element: LogicalType, delimiter: string): ValueRule {
  return (edit, data, start, end) => {
    const json = arrayToJson(utf8Of(data, start, end), element, delimiter)
    if (json === undefined) throw valueRejected(context.column)
    edit.replace(json)
  }
}

/** Numbers that MySQL would round, by their policy. */
export function jsonRule(context: RuleContext, policies: MysqlPolicies): ValueRule {
  return (_edit, data, start, end) => {
    if (keepsNumbers(utf8Of(data, start, end))) return
    context.count('json_numbers')
    if (policies.json_numbers !== 'lossy') throw refusedByPolicy(context.column)
  }
}

/** A uuid as its sixteen bytes in plain order. */
export function uuidBytesRule(context: RuleContext): ValueRule {
  return (edit, data, start, end) => {
    const digits = asciiOf(data, start, end).replaceAll('-', '')
    if (!/^[0-9a-f]{32}$/i.test(digits)) throw valueRejected(context.column)
    edit.replace(Buffer.from(digits, 'hex'))
  }
}

/** EWKB becomes what MySQL keeps: the SRID in front, and no flag for it in the type. Only little-endian, as PostGIS and
 * this driver write it; shapes with Z or M have no equal. */
export function geometryRule(context: RuleContext): ValueRule {
  return (edit, data, start, end) => {
    const flags = data[start + 4] ?? 0xff
    if (end - start < 9 || data[start] !== 1 || (flags & 0xc0) !== 0) throw valueRejected(context.column)
    const named = (flags & 0x20) !== 0
    const bytes = Buffer.alloc(end - start + (named ? 0 : 4))
    const head = Buffer.from(data.buffer, data.byteOffset + start, 5)
    if (named) bytes.set(data.subarray(start + 5, start + 9), 0)
    bytes.set(head, 4)
    bytes[8] = flags & ~0x20
    bytes.set(data.subarray(start + (named ? 9 : 5), end), 9)
    edit.replace(bytes)
  }
}

/** Characters of UTF-8: every byte that does not continue one. */
function characters(data: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) if ((data[at]! & 0xc0) !== 0x80) count++
  return count
}
