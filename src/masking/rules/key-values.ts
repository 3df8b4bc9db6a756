import { isHarmlessToken, type KeyJudge, type KeyVerdict } from '../keys.js'
import {
  type Found,
  isBlank,
  isKeyChar,
  isLineBreak,
  isQuote,
  isSpace,
  isWord,
  lower,
  type Rule,
  type Scan,
} from '../scan.js'
import type { BareMode } from './terminators.js'
import { type Joint, valueAt } from './values.js'

const KEY_LENGTH = 64

/** Parts of keys that can be secret. The automaton finds them, the key verdict decides. */
const ANCHORS = [
  ...['pass', 'pwd', 'secret', 'token', 'key', 'credential', 'creds', 'authoriz', 'auth', 'dsn', 'kennwort'],
  ...['connectionstring', 'connection_string', 'connection-string', 'connection string', 'connstr', 'conn_str'],
  ...['cookie', 'jwt', 'bearer', 'otp', 'cvv', 'cvc', 'signature', 'sig='],
]
const TOPOLOGY_ANCHORS = [
  'host',
  'server',
  'addr',
  'port',
  'user',
  'uid',
  'login',
  'database',
  'dbname',
  'endpoint',
  'catalog',
  'data source',
]

/** Parameters that are secret in a URL and mean something else elsewhere, with the length from which they are. */
const QUERY_KEYS: ReadonlyMap<string, number> = new Map([
  ['sig', 1],
  ['signature', 1],
  ['x-amz-signature', 1],
  ['x-amz-credential', 1],
  ['x-goog-signature', 1],
  ['x-goog-credential', 1],
  ['oauth_signature', 1],
  ['auth', 8],
  ['key', 16],
  ['code', 12],
])

interface Key {
  readonly start: number
  readonly end: number
  readonly name: string
}

/** `key <operator> value` in running text, whatever it is part of: logs, JSON (also within JSON), JavaScript, YAML, TOML,
 * environments, libpq and ADO strings, query strings, forms, headers, XML, SQL options, command line options. The verdict
 * about the key is the one that objects use. */
export function keyValueRule(judge: KeyJudge, hideTopology: boolean): Rule {
  return {
    id: 'key-value',
    anchors: [
      ...ANCHORS,
      '?key=',
      '&key=',
      '?code=',
      '&code=',
      '?auth=',
      '&auth=',
      ...(hideTopology ? TOPOLOGY_ANCHORS : []),
    ],
    find: (scan, start, end) => {
      const key = keyAround(scan, start, end)
      const last = scan.notes.key
      if (key === null || (key.start === last.start && key.end === last.end)) return null
      const found = pairAt(scan, key, judge, hideTopology)
      if (!scan.open) scan.notes.key = key
      return found
    },
  }
}

/** The identifier around an anchor, at most 64 characters to each side, not reaching into a mask or an escape. Its last
 * words decide, so one that goes on for longer is left to the anchors further on. */
function keyAround(scan: Scan, anchorStart: number, anchorEnd: number): Key | null {
  let start = anchorStart
  while (start < anchorEnd && !isKeyChar(scan.at(start))) start++
  let stop = anchorEnd
  while (stop > start && !isKeyChar(scan.at(stop - 1))) stop--
  const end = scan.skip(stop, stop + KEY_LENGTH, isKeyChar)
  scan.hold = end
  if (end === stop + KEY_LENGTH) return null
  const least = anchorStart - KEY_LENGTH
  while (start > least && isKeyChar(scan.behind(start)) && !scan.endsEscape(start)) start--
  let last = end
  while (last > start && (scan.at(last - 1) === 0x2e || scan.at(last - 1) === 0x2d)) last--
  if (last <= start || (last !== end && last < stop)) return null
  return { start, end: last, name: scan.slice(start, last) }
}

function pairAt(scan: Scan, key: Key, judge: KeyJudge, hideTopology: boolean): Found | null {
  const before = scan.behind(key.start)
  const inQuery = before === 0x3f || before === 0x26 || before === 0x23
  const verdict = verdictOf(scan, key, judge, inQuery)
  if (verdict === 'public' || (verdict === 'topology' && !hideTopology)) return null
  if (isDirectory(scan, key)) return null
  let i = key.end
  const level = scan.skip(i, i + 16, (c) => c === 0x5c) - i
  const keyQuote = scan.at(i + level)
  const quoted = isQuote(keyQuote)
  if (quoted) i += level + 1
  else if (level > 0) return null
  if (scan.at(i) === 0x5d) i++
  const afterKey = i
  i = scan.skip(i, i + 64, (c) => isBlank(c) || (quoted && isLineBreak(c)))
  scan.hold = i
  const operator = operatorAt(scan, i)
  const around = quoted ? null : quoteBefore(scan, key.start)
  const joint: Joint = {
    soft: verdict === 'soft',
    header: verdict === 'header',
    colon: operator?.colon ?? false,
    mode: operator?.mode ?? 'word',
    json: quoted,
    around: operator?.colon ? around : null,
    indent: -1,
    quotedOnly: false,
  }
  if (operator === null)
    return withoutOperator(scan, key, i, afterKey, quoted ? { quote: keyQuote, level } : null, joint)
  const from = scan.skip(operator.end, operator.end + 64, (c) => isBlank(c) || (quoted && isLineBreak(c)))
  scan.hold = from
  if (inQuery && operator.mode === 'word')
    return longEnough(scan, key, from, valueAt(scan, from, { ...joint, mode: 'query' }))
  if (isResourceName(key, before, from === operator.end)) return null
  if (operator.mode === 'xml') return isElement(scan, key, quoted) ? valueAt(scan, from, joint) : null
  const indent = quoted ? -1 : indentOf(scan, key.start)
  const line = indent >= 0 && (from > operator.end || (!operator.colon && /^[A-Z][A-Z0-9_]*$/.test(key.name)))
  return valueAt(scan, from, { ...joint, indent, mode: line && operator.mode === 'word' ? 'line' : operator.mode })
}

function verdictOf(scan: Scan, key: Key, judge: KeyJudge, inQuery: boolean): KeyVerdict {
  if (inQuery && QUERY_KEYS.has(key.name.toLowerCase())) return 'secret'
  if (/^keys?$/i.test(key.name)) {
    const word = wordBefore(scan, key.start)
    return word === null ? 'public' : judge.verdict(`${word.text} ${key.name}`)
  }
  if (/^tokens?$/i.test(key.name)) {
    const word = wordBefore(scan, key.start)
    if (word !== null && isHarmlessToken(word.text)) return 'public'
  }
  if (/^string$/i.test(key.name)) return 'public'
  return judge.verdict(key.name)
}

/** `PWD=/srv/app` is the working directory. */
function isDirectory(scan: Scan, key: Key): boolean {
  if (key.name !== 'PWD' && key.name !== 'OLDPWD') return false
  if (scan.at(key.end) !== 0x3d) return false
  const next = scan.at(key.end + 1)
  return next === 0x2f || (next === 0x22 && scan.at(key.end + 2) === 0x2f) || scan.at(key.end + 2) === 0x3a
}

/** `arn:aws:secretsmanager:eu-1:1:secret:name`. */
function isResourceName(key: Key, before: number, glued: boolean): boolean {
  return before === 0x3a && glued && key.name === 'secret'
}

/** Some parameters of URLs are secret only when they are long. */
function longEnough(scan: Scan, key: Key, from: number, found: Found | null): Found | null {
  const least = QUERY_KEYS.get(key.name.toLowerCase()) ?? 1
  if (found === null || least === 1) return found
  const end = scan.skip(
    from,
    from + least,
    (c) => isWord(c) || c === 0x2d || c === 0x2e || c === 0x25 || c === 0x2f || c === 0x2b,
  )
  return end - from >= least ? found : null
}

interface Operator {
  readonly end: number
  readonly colon: boolean
  readonly mode: BareMode
}

/** `=`, `:`, `:=`, `=>`, `?=`, `==`, `->`, `%3D`, `%3A`, `>` of an XML element. */
function operatorAt(scan: Scan, from: number): Operator | null {
  let i = from
  const first = scan.at(i)
  if (first === 0x3e) return { end: i + 1, colon: false, mode: 'xml' }
  if (first === 0x25 && scan.at(i + 1) === 0x33) {
    const letter = lower(scan.at(i + 2))
    if (letter === 0x64 || letter === 0x61) return { end: i + 3, colon: false, mode: 'encoded' }
  }
  if (first === 0x3f || first === 0x2b || first === 0x2d) i++
  const sign = scan.at(i)
  if (sign === 0x3e && first === 0x2d) return { end: i + 1, colon: false, mode: 'word' }
  if (sign !== 0x3d && sign !== 0x3a) return null
  const end = scan.skip(i, i + 3, (c) => c === 0x3d || c === 0x3a)
  if (sign === 0x3a && (scan.at(i + 1) === 0x3a || (scan.at(i + 1) === 0x2f && scan.at(i + 2) === 0x2f))) return null
  const arrow = sign === 0x3d && scan.at(end) === 0x3e ? 1 : 0
  return { end: end + arrow, colon: sign === 0x3a && end === i + 1, mode: 'word' }
}

/** `<password>`, `<x:password>`, `<entry key="password">`. */
function isElement(scan: Scan, key: Key, quoted: boolean): boolean {
  const before = scan.behind(key.start)
  return quoted ? isNamingAttribute(scan, key.start - 1) : before === 0x3c || before === 0x3a
}

/** Whether `key=` or `name=` stands in front of a quote. */
function isNamingAttribute(scan: Scan, quote: number): boolean {
  return isQuote(scan.behind(quote + 1)) && (scan.isFolded(quote - 4, 'key=') || scan.isFolded(quote - 5, 'name='))
}

/** SQL literals, options of commands, header lists, name and value as two members, prose. */
function withoutOperator(
  scan: Scan,
  key: Key,
  next: number,
  afterKey: number,
  quote: { readonly quote: number; readonly level: number } | null,
  joint: Joint,
): Found | null {
  if (quote !== null) return listed(scan, next, quote, joint)
  if (isOption(scan, key)) return optionValue(scan, afterKey, joint)
  const passwordLike = /pass(?:word|wd|phrase)?$|pwd$|secret$|kennwort$/i.test(key.name)
  if (passwordLike && scan.at(next) === 0x28)
    return valueAt(scan, scan.skip(next + 1, next + 17, isBlank), { ...joint, quotedOnly: true })
  if (next === afterKey) return null
  if (isDirective(scan, key) || netrcBefore(scan, key.start)) return valueAt(scan, skipSpace(scan, next), joint)
  for (const word of ['is', 'to', 'was', 'as', 'by', 'null or']) {
    if (scan.isFolded(next, word) && isBlank(scan.at(next + word.length))) {
      return valueAt(scan, scan.skip(next + word.length, next + word.length + 8, isBlank), {
        ...joint,
        quotedOnly: true,
      })
    }
  }
  if (!passwordLike || (/secret$/i.test(key.name) && scan.at(next) === 0x22)) return null
  return valueAt(scan, passwordFor(scan, key, next) ?? next, { ...joint, quotedOnly: true })
}

/** `requirepass x` of Redis, `ENV NAME x` of a Dockerfile, `setx NAME x`, `setenv NAME x`. */
function isDirective(scan: Scan, key: Key): boolean {
  if (/^(?:requirepass|masterauth)$/i.test(key.name)) return true
  return /^(?:ENV|setx|setenv|SetEnv)$/.test(wordBefore(scan, key.start)?.text ?? '')
}

/** MySQL: `SET PASSWORD FOR 'app'@'%' = 'x'`. Gives the place of the literal. */
function passwordFor(scan: Scan, key: Key, from: number): number | null {
  if (key.name.toLowerCase() !== 'password' || !scan.isFolded(from, 'for') || !isBlank(scan.at(from + 3))) return null
  const equals = scan.skip(from + 4, from + 200, (c) => c !== -1 && c !== 0x3d && c !== 0x3b && !isLineBreak(c))
  if (scan.at(equals) !== 0x3d) return null
  return scan.skip(equals + 1, equals + 9, isBlank)
}

/** `['authorization', 'Bearer x']`, and `"name": "DB_PASSWORD", "value": "x"`. */
function listed(
  scan: Scan,
  next: number,
  quote: { readonly quote: number; readonly level: number },
  joint: Joint,
): Found | null {
  const comma = scan.at(next) === 0x2c
  if (!comma && !isSpace(scan.at(next - 1))) return null
  const from = skipSpace(scan, comma ? next + 1 : next)
  const isSame = (at: number) =>
    scan.skip(at, at + 16, (c) => c === 0x5c) - at === quote.level && scan.at(at + quote.level) === quote.quote
  const inner = from + (isSame(from) ? quote.level + 1 : 0)
  if (scan.isFolded(inner, 'value') || scan.isFolded(inner, 'val')) {
    let i = scan.skip(inner, inner + 6, isWord)
    if (isSame(i)) i += quote.level + 1
    i = skipSpace(scan, i)
    if (scan.at(i) === 0x3a || scan.at(i) === 0x3d) return valueAt(scan, skipSpace(scan, i + 1), joint)
  }
  if (!comma) return null
  const headerLike = joint.header || isHeaderName(scan, next, quote.level)
  return headerLike && isSame(from) ? valueAt(scan, from, { ...joint, quotedOnly: true }) : null
}

/** Header names that occur in flat lists of names and values: `x-…`, `apikey`. */
function isHeaderName(scan: Scan, comma: number, level: number): boolean {
  let end = comma
  while (isSpace(scan.at(end - 1))) end--
  end -= level + 1
  let start = end
  while (start > end - KEY_LENGTH && isKeyChar(scan.at(start - 1))) start--
  return /^(?:x-[\w-]+|apikey|api-key|private-token|job-token|sentry-auth)$/i.test(scan.slice(start, end))
}

function isOption(scan: Scan, key: Key): boolean {
  return scan.at(key.start) === 0x2d && key.name.length > 3 && !isWord(scan.behind(key.start))
}

/** `--password x`, also as two members of a list of arguments. */
function optionValue(scan: Scan, afterKey: number, joint: Joint): Found | null {
  const next = scan.skip(afterKey, afterKey + 16, isBlank)
  if (next === afterKey || scan.at(next) === 0x2d || isLineBreak(scan.at(next))) return null
  return valueAt(scan, next, joint)
}

/** netrc: `machine h login app password x`, on one line or on several. */
function netrcBefore(scan: Scan, keyStart: number): boolean {
  const user = previousWord(scan, keyStart)
  const name = user && previousWord(scan, user.start)
  if (user === null || name === null) return false
  if (/^["'`]?machine$/.test(name.text)) return user.text.includes('.') || user.text === 'localhost'
  if (name.text !== 'login') return false
  const host = previousWord(scan, name.start)
  if (host === null) return false
  return host.text === 'default' || /^["'`]?machine$/.test(previousWord(scan, host.start)?.text ?? '')
}

function previousWord(scan: Scan, before: number): { readonly text: string; readonly start: number } | null {
  let end = before
  while (end > before - 32 && isSpace(scan.behind(end))) end--
  if (end === before) return null
  let start = end
  while (start > end - 80 && scan.behind(start) !== -1 && !isSpace(scan.behind(start))) start--
  return start === end ? null : { text: scan.slice(start, end), start }
}

/** The word in front of `key` or `token`, for keys that are written as two words. */
function wordBefore(scan: Scan, start: number): { readonly text: string } | null {
  if (!isBlank(scan.behind(start))) return null
  let from = start - 1
  while (from > start - 24 && isWord(scan.behind(from))) from--
  return from === start - 1 ? null : { text: scan.slice(from, start - 1) }
}

function quoteBefore(scan: Scan, start: number): Joint['around'] {
  const quote = scan.behind(start)
  if (!isQuote(quote)) return null
  let level = 0
  while (level < 16 && scan.behind(start - 1 - level) === 0x5c) level++
  return { quote, level }
}

/** Columns before the key when only blanks, a list dash, `export`, `>` or `<` of a transcript stand there; else -1. */
function indentOf(scan: Scan, start: number): number {
  let i = start
  while (i > start - 128) {
    const c = scan.behind(i)
    if (c === -1 || isLineBreak(c)) return start - i
    if (!isBlank(c) && c !== 0x2d && c !== 0x3e && c !== 0x3c) return -1
    i--
  }
  return -1
}

function skipSpace(scan: Scan, from: number): number {
  return scan.skip(from, from + 64, isSpace)
}
