import { type Found, isBlank, isQuote, isSpace, isWord, type Rule, type Scan } from '../scan.js'
import { type Joint, valueAt } from './values.js'

const LITERAL: Joint = {
  soft: false,
  header: false,
  colon: false,
  mode: 'word',
  json: false,
  around: null,
  indent: -1,
  quotedOnly: true,
}
/** Words between IDENTIFIED and the literal. */
const STEPS: ReadonlySet<string> = new Set(['by', 'as', 'using', 'password', 'with', 'via', 'values', 'or', 'random'])

/** MySQL and MariaDB: `IDENTIFIED BY 'x'`, `IDENTIFIED WITH plugin BY|AS 'x'`, `IDENTIFIED VIA plugin USING PASSWORD('x')`,
 * `IDENTIFIED BY PASSWORD '*…'`; Oracle's `IDENTIFIED BY x` and `IDENTIFIED BY VALUES 'x'`. */
export const identifiedRule: Rule = {
  id: 'sql-identified',
  anchors: ['identified'],
  find: (scan, start, end) => {
    if (!scan.startsWord(start)) return null
    let i = end
    let sawBy = false
    for (let step = 0; step < 6; step++) {
      i = scan.skip(i, i + 32, (c) => isSpace(c) || c === 0x28)
      const found = literalAt(scan, i)
      if (found !== undefined) return found
      const stop = scan.skip(i, i + 64, isWord)
      if (stop === i) return null
      const word = scan.slice(i, stop).toLowerCase()
      if (sawBy && !STEPS.has(word))
        return isBlank(scan.at(stop)) || scan.at(stop) === 0x3b || scan.at(stop) === -1 ? { start: i, end: stop } : null
      sawBy = word === 'by'
      i = stop
    }
    return null
  },
}

/** The old password in `IDENTIFIED BY 'x' REPLACE 'y'`. */
export const replaceRule: Rule = {
  id: 'sql-replace',
  anchors: ['replace '],
  find: (scan, start, end) => {
    if (!scan.startsWord(start)) return null
    let before = start
    while (before > start - 8 && isSpace(scan.behind(before))) before--
    if (!isQuote(scan.behind(before))) return null
    return literalAt(scan, scan.skip(end, end + 8, isBlank)) ?? null
  },
}

/** Password hashes on their own: SCRAM verifiers (RFC 5803), the crypt family, MySQL's `*` and `$A$` forms, Postgres' md5. */
export const hashRule: Rule = {
  id: 'password-hash',
  anchors: [
    ...[
      'SCRAM-SHA-256$',
      'SCRAM-SHA-1$',
      '$2a$',
      '$2b$',
      '$2y$',
      '$argon2',
      '$6$',
      '$5$',
      '$1$',
      '$y$',
      '$A$005$',
      '$scrypt$',
    ],
    ...['pbkdf2_sha256$', 'pbkdf2:sha256:', 'scrypt:', '{SSHA}', '{SHA}', '{SMD5}', '*', 'md5'],
  ],
  find: (scan, start, end) => {
    if (scan.isFolded(start, 'md5')) return postgresMd5(scan, start, end)
    if (scan.at(start) === 0x2a) return mysqlHash(scan, start)
    const stop = scan.skip(end, end + 512, isHashChar)
    return stop < end + 20 ? null : { start, end: stop }
  },
}

function isHashChar(c: number): boolean {
  return (
    isWord(c) ||
    c === 0x24 ||
    c === 0x2e ||
    c === 0x2f ||
    c === 0x3d ||
    c === 0x2b ||
    c === 0x2c ||
    c === 0x2d ||
    c === 0x3a
  )
}

function isHexDigit(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66)
}

function postgresMd5(scan: Scan, start: number, end: number): Found | null {
  if (!scan.startsWord(start)) return null
  const stop = scan.skip(end, end + 33, isHexDigit)
  return stop === end + 32 && !isWord(scan.at(stop)) ? { start, end: stop } : null
}

function mysqlHash(scan: Scan, start: number): Found | null {
  if (!isQuote(scan.behind(start))) return null
  const stop = scan.skip(start + 1, start + 42, isHexDigit)
  return stop === start + 41 && isQuote(scan.at(stop)) ? { start, end: stop } : null
}

/** A literal at a position: a found span, null for an empty or masked one, undefined when there is none. */
function literalAt(scan: Scan, i: number): Found | null | undefined {
  const found = valueAt(scan, i, LITERAL)
  if (found) return found
  return isQuote(scan.at(i)) || scan.at(i) === 0x24 || (scan.at(i) === 0x5c && isQuote(scan.at(i + 1)))
    ? null
    : undefined
}
