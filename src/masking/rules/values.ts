import { isModal, isPlaceholder, isProse, isTruthValue } from '../placeholders.js'
import {
  type Found,
  isBlank,
  isDigit,
  isLetter,
  isLineBreak,
  isQuote,
  isSpace,
  isWord,
  lower,
  type Scan,
} from '../scan.js'
import { type BareMode, balancedEnd, bareEnd, bracedEnd, indentedEnd, quotedEnd, taggedEnd } from './terminators.js'

/** How a secret value is joined to its key. */
export interface Joint {
  /** Numbers are counts here and stay. */
  readonly soft: boolean
  /** The value is a header line, to its end. */
  readonly header: boolean
  /** Written with `:` (else with `=` or nothing). */
  readonly colon: boolean
  /** How an unquoted value ends. */
  readonly mode: BareMode
  /** JSON: a quoted value has no line break inside. */
  readonly json: boolean
  /** The quote (and its level) that encloses key and value together: `-H "Authorization: x y"`. */
  readonly around: { readonly quote: number; readonly level: number } | null
  /** Columns before the key on its line, -1 when something else stands there. */
  readonly indent: number
  /** A value without quotes does not count. */
  readonly quotedOnly: boolean
}

const PEEK = 170
const SCHEMES: ReadonlySet<string> = new Set([
  'bearer',
  'basic',
  'token',
  'negotiate',
  'ntlm',
  'apikey',
  'api-key',
  'key',
  'jwt',
])
const LIST_SCHEMES: ReadonlySet<string> = new Set([
  'digest',
  'oauth',
  'aws4-hmac-sha256',
  'hawk',
  'signature',
  'scram-sha-256',
])

/** Finds the value that begins at `from` and belongs to a secret key. Quotes stay, what is between them goes. */
export function valueAt(scan: Scan, from: number, joint: Joint): Found | null {
  const prefix = stringPrefix(scan, from)
  const level = backslashes(scan, from + prefix)
  const quote = scan.at(from + prefix + level)
  if (isQuote(quote)) return quotedValue(scan, from + prefix + level + 1, quote, level, joint)
  if (joint.quotedOnly) {
    const tag = dollarTag(scan, from)
    return tag === null ? null : { start: from + tag.length, until: taggedEnd(tag, from) }
  }
  return bareValue(scan, from, joint)
}

function quotedValue(scan: Scan, from: number, quote: number, level: number, joint: Joint): Found | null {
  let start = from
  let width = 1
  if (level === 0 && scan.at(from) === quote) {
    if (scan.at(from + 1) === quote) width = 3
    else if (endsPair(scan.at(from + 1))) return null
    else width = 2
    start = from + width - 1
  }
  const until = quotedEnd(quote, level, width, joint.json && quote === 0x22, start)
  const shown = peekQuoted(scan, start, quote)
  if (shown === null) return { start, until }
  if (isPlaceholder(shown)) return null
  if (isMaskFirst(shown) && scan.at(start + shown.length) !== quote) return null
  if (joint.soft && (isNumber(shown) || isFetchMode(shown))) return null
  return { start, until }
}

function bareValue(scan: Scan, from: number, joint: Joint): Found | null {
  const first = scan.at(from)
  if (first === -1 || (first === 0x26 && joint.mode === 'query')) return null
  if (isLineBreak(first)) return joint.colon && joint.indent >= 0 ? listValue(scan, from, joint) : null
  if (isCloser(first) && (endsPair(scan.at(from + 1)) || first === 0x2c || first === 0x3b)) return null
  if (joint.colon && joint.indent >= 0 && !joint.header) {
    if (first === 0x21 || first === 0x26) return afterTag(scan, from, joint)
    if (first === 0x7c || first === 0x3e) {
      const block = blockValue(scan, from, joint)
      if (block !== undefined) return block
    }
  }
  const word = peekWord(scan, from)
  if (word.done && (isPlaceholder(word.text) || isTruthValue(word.text))) return null
  if (isMaskFirst(word.text) || placeholderWithSpaces(scan, from)) return null
  if ((first === 0x7b || first === 0x5b) && (joint.json || !joint.header)) {
    const bracketed = bracketedValue(scan, from, first, joint)
    if (bracketed !== undefined) return bracketed
  }
  if (joint.soft && word.done && (isNumber(word.text) || isFetchMode(word.text))) return null
  if (joint.colon && joint.mode !== 'query' && word.done && isProse(word.text)) {
    const rest = scan.skip(from + word.text.length, from + word.text.length + 8, isBlank)
    if (joint.mode !== 'line' || isModal(word.text) || scan.at(rest) === -1 || isLineBreak(scan.at(rest))) return null
  }
  return withScheme(scan, from, joint)
}

/** YAML: a tag or an anchor in front of the value. */
function afterTag(scan: Scan, from: number, joint: Joint): Found | null {
  const end = scan.skip(from + 1, from + 65, (c) => c !== -1 && !isSpace(c))
  if (!isBlank(scan.at(end))) return withScheme(scan, from, joint)
  return valueAt(scan, scan.skip(end, end + 16, isBlank), joint)
}

/** `Bearer x`, `Basic x`: the word after the scheme belongs to the value; a list of parameters goes to the line's end. */
function withScheme(scan: Scan, from: number, joint: Joint): Found {
  if (joint.around) return { start: from, until: quotedEnd(joint.around.quote, joint.around.level, 1, true, from) }
  const end = scan.skip(from, from + 20, (c) => isWord(c) || c === 0x2d)
  const scheme = scan.slice(from, end).toLowerCase()
  if (isBlank(scan.at(end))) {
    if (LIST_SCHEMES.has(scheme)) return { start: from, until: bareEnd('whole-line') }
    if (SCHEMES.has(scheme)) {
      const next = scan.skip(end, end + 8, isBlank)
      if (!isSpace(scan.at(next)) && scan.at(next) !== -1) return { start: from, from: next, until: bareEnd('word') }
    }
  }
  if (joint.header && joint.colon) return { start: from, until: bareEnd('whole-line') }
  return { start: from, until: bareEnd(joint.mode) }
}

/** A JSON or JavaScript object or array, or an ODBC value in braces. `undefined`: neither, read on as a bare value. */
function bracketedValue(scan: Scan, from: number, first: number, joint: Joint): Found | null | undefined {
  let i = scan.skip(from + 1, from + 64, (c) => isSpace(c))
  const level = backslashes(scan, i)
  const next = scan.at(i + level)
  if (isQuote(next)) return { start: from, until: balancedEnd(level, from) }
  if (next === 0x7b || next === 0x5b) return { start: from, until: balancedEnd(0, from) }
  if (first === 0x5b) {
    if (joint.soft) return null
    return isDigit(next) ? { start: from, until: balancedEnd(0, from) } : undefined
  }
  if (next === 0x7d || next === -1) return null
  i = scan.skip(i, i + 64, isWord)
  if (scan.at(i) === 0x3a && (isBlank(scan.at(i + 1)) || joint.colon))
    return { start: from, until: balancedEnd(0, from) }
  return joint.colon ? undefined : { start: from + 1, until: bracedEnd() }
}

/** YAML: `key: |` or `key: >-`, with the value in the lines below; undefined when this is none. */
function blockValue(scan: Scan, from: number, joint: Joint): Found | null | undefined {
  let i = scan.skip(from + 1, from + 3, (c) => c === 0x2b || c === 0x2d || isDigit(c))
  i = scan.skip(i, i + 8, isBlank)
  if (!isLineBreak(scan.at(i))) return undefined
  return listed(scan, i, joint.indent)
}

/** YAML: the items of a list below the key. */
function listValue(scan: Scan, from: number, joint: Joint): Found | null {
  const content = scan.skip(from, from + 128, (c) => isSpace(c))
  if (scan.at(content) !== 0x2d || !isBlank(scan.at(content + 1))) return null
  return listed(scan, from, joint.indent)
}

function listed(scan: Scan, lineBreak: number, indent: number): Found | null {
  const start = scan.skip(lineBreak, lineBreak + 256, (c) => isSpace(c))
  let column = 0
  for (let i = start - 1; i >= lineBreak && !isLineBreak(scan.at(i)); i--) column++
  if (scan.at(start) === -1 || column <= indent) return null
  if (scan.is(start, '***') && !isWord(scan.at(start + 3))) return null
  return { start, until: indentedEnd(indent) }
}

/** What stands between quotes, if it ends within the peek; null when it is longer than any placeholder. */
function peekQuoted(scan: Scan, from: number, quote: number): string | null {
  let i = from
  while (i < from + PEEK) {
    const c = scan.at(i)
    if (c === -1 || c === quote || c === 0x5c || isLineBreak(c)) return scan.slice(from, i)
    i++
  }
  return null
}

function peekWord(scan: Scan, from: number): { readonly text: string; readonly done: boolean } {
  const first = scan.at(from)
  let i = from
  while (i < from + PEEK) {
    const c = scan.at(i)
    if (c === -1 || isSpace(c) || isQuote(c)) break
    if (i > from && (c === 0x2c || c === 0x3b || c === 0x26 || c === 0x5c)) break
    if (i > from && (c === 0x7d || c === 0x5d || c === 0x29 || c === 0x3c) && !opensWith(first, c)) break
    i++
  }
  return { text: scan.slice(from, i), done: i < from + PEEK }
}

function opensWith(first: number, closer: number): boolean {
  return (
    first === 0x24 ||
    first === 0x25 ||
    (first === 0x5b && closer === 0x5d) ||
    (first === 0x7b && closer === 0x7d) ||
    (first === 0x28 && closer === 0x29)
  )
}

/** Placeholders may hold blanks: `{{ x }}`, `<my token>`, `${{ secrets.X }}`, `[not shown]`. */
function placeholderWithSpaces(scan: Scan, from: number): boolean {
  const first = scan.at(from)
  if (first !== 0x7b && first !== 0x3c && first !== 0x24 && first !== 0x5b) return false
  let closer = 0x7d
  if (first === 0x3c) closer = 0x3e
  if (first === 0x5b) closer = 0x5d
  let i = from + 1
  while (i < from + PEEK && scan.at(i) !== closer && scan.at(i) !== -1 && !isLineBreak(scan.at(i))) i++
  while (i < from + PEEK && scan.at(i) === closer) i++
  const next = scan.at(i)
  if (next !== -1 && !isSpace(next) && !isQuote(next) && !isPunctuation(next)) return false
  return isPlaceholder(scan.slice(from, i))
}

function isPunctuation(c: number): boolean {
  return (
    c === 0x2c ||
    c === 0x3b ||
    c === 0x29 ||
    c === 0x5d ||
    c === 0x7d ||
    c === 0x26 ||
    c === 0x40 ||
    c === 0x3c ||
    c === 0x5c ||
    c === 0x2e
  )
}

/** A mask that is already there: what is glued to it was left by the pass that put it there. Where quotes say where the
 * value ends, a password may begin with asterisks. */
function isMaskFirst(text: string): boolean {
  return /^[\\<[({]*\*{3}/.test(text)
}

/** The values of the `credentials` option of `fetch`. */
function isFetchMode(text: string): boolean {
  return text === 'include' || text === 'omit' || text === 'same-origin'
}

function isNumber(text: string): boolean {
  return /^[+-]?\d[\d.,_]*(?:%|[kKmMgG]|ms|s)?$/.test(text)
}

function isCloser(c: number): boolean {
  return c === 0x2c || c === 0x3b || c === 0x29 || c === 0x5d || c === 0x7d
}

/** After an empty pair of quotes: what cannot begin a value in doubled quotes. */
function endsPair(code: number): boolean {
  return (
    code === -1 ||
    isSpace(code) ||
    code === 0x2c ||
    code === 0x3b ||
    code === 0x29 ||
    code === 0x5d ||
    code === 0x7d ||
    code === 0x3a ||
    code === 0x26 ||
    code === 0x3e ||
    code === 0x2f ||
    isQuote(code)
  )
}

function backslashes(scan: Scan, from: number): number {
  return scan.skip(from, from + 16, (c) => c === 0x5c) - from
}

/** Length of `E`, `N`, `B`, `b`, `r`, `f`, `u`, `U&`, `_utf8` in front of a quote. */
function stringPrefix(scan: Scan, from: number): number {
  const c = lower(scan.at(from))
  if (!isLetter(c) && c !== 0x5f) return 0
  if (
    (c === 0x65 || c === 0x6e || c === 0x62 || c === 0x72 || c === 0x66 || c === 0x75 || c === 0x78) &&
    isQuote(scan.at(from + 1))
  )
    return 1
  if (c === 0x75 && scan.at(from + 1) === 0x26 && isQuote(scan.at(from + 2))) return 2
  if (c !== 0x5f) return 0
  const end = scan.skip(from, from + 12, isWord)
  return isQuote(scan.at(end)) ? end - from : 0
}

/** `$$` or `$tag$` of Postgres. */
function dollarTag(scan: Scan, from: number): string | null {
  if (scan.at(from) !== 0x24) return null
  const end = scan.skip(from + 1, from + 32, isWord)
  return scan.at(end) === 0x24 && !isDigit(scan.at(from + 1)) ? scan.slice(from, end + 1) : null
}
