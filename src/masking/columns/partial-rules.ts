import type { ByteSink } from './byte-sink.js'
import type { CellMask } from './cell-mask.js'
import { MASK_TEXT } from './fixed-rules.js'
import { type ColumnTypeName, type RuleContext, refusedRule } from './rule-context.js'

const AT = 0x40
const DOT = 0x2e
const HYPHEN = 0x2d

/** `partial-email`: `alice@example.com` becomes `a***@example.com`. The first character stays only when it is an ASCII
 * letter or digit and at least two more follow before the `@`; the domain (after the last `@`) stays only when it is
 * a plain ASCII host name with a dot, else it is `***` too; a value without `@` becomes `***`. Text columns only; gives
 * text without a length, because `bo@x.org` grows. */
export function compilePartialEmail(context: RuleContext): CellMask {
  if (context.type !== 'text') throw refusedRule(context.at, 'partial-email serves text columns only')
  return { rule: context.rule, keyed: false, oneToOne: false, givesNull: false, output: 'text', apply: partialEmail }
}

function partialEmail(data: Uint8Array, start: number, end: number, out: ByteSink): boolean {
  let at = end - 1
  while (at >= start && data[at] !== AT) at--
  if (at >= start + 3 && isAsciiAlphanumeric(data[start]!)) out.append(data, start, start + 1)
  out.appendLatin1(MASK_TEXT)
  if (at < start) return true
  if (isHostName(data, at + 1, end)) out.append(data, at, end)
  else out.appendLatin1(`@${MASK_TEXT}`)
  return true
}

/** ASCII labels with a dot between them. Anything else might be more than a domain, so it does not stay. */
function isHostName(data: Uint8Array, start: number, end: number): boolean {
  let dots = 0
  for (let i = start; i < end; i++) {
    const byte = data[i]!
    if (byte === DOT) dots++
    else if (byte !== HYPHEN && !isAsciiAlphanumeric(byte)) return false
  }
  return dots > 0 && end - start <= 253
}

const LAST4_TYPES: ReadonlySet<ColumnTypeName> = new Set([
  'text',
  'int16',
  'int32',
  'int64',
  'uint64',
  'decimal',
  'uuid',
])

/** `partial-last4`: `+41 79 123 12 34` becomes `***1234`, the last four letters or digits; spaces and punctuation do not
 * count. A value with fewer than eight of them becomes `***`, so that at least half stays hidden. Non-ASCII characters
 * count as letters. Text, integer, decimal and uuid columns; gives text. */
export function compilePartialLast4(context: RuleContext): CellMask {
  if (!LAST4_TYPES.has(context.type)) {
    throw refusedRule(context.at, 'partial-last4 serves text, integer, decimal and uuid columns only')
  }
  return { rule: context.rule, keyed: false, oneToOne: false, givesNull: false, output: 'text', apply: partialLast4 }
}

function partialLast4(data: Uint8Array, start: number, end: number, out: ByteSink): boolean {
  out.appendLatin1(MASK_TEXT)
  let seen = 0
  let fourth = end
  for (let i = end - 1; i >= start && seen < 8; i--) {
    if (!isCharacterStart(data[i]!)) continue
    seen++
    if (seen === 4) fourth = i
  }
  if (seen < 8) return true
  for (let i = fourth; i < end; i++) {
    if (isAsciiAlphanumeric(data[i]!) || data[i]! >= 0x80) out.append(data, i, i + 1)
  }
  return true
}

/** The first byte of a character that counts: ASCII letter or digit, or the lead byte of a UTF-8 sequence. */
function isCharacterStart(byte: number): boolean {
  return isAsciiAlphanumeric(byte) || byte >= 0xc0
}

function isAsciiAlphanumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a)
}
