import { isPlaceholder } from '../placeholders.js'
import {
  type Found,
  isBlank,
  isDigit,
  isKeyChar,
  isLetter,
  isQuote,
  isSpace,
  isWord,
  type Rule,
  type Scan,
} from '../scan.js'
import { closesAround } from './terminators.js'

const WORD_LIMIT = 2048
const SCHEME_LIMIT = 32
const DSN_LIMIT = 256

/** Schemes of data stores and brokers: a `@` in their path belongs to a password that was not percent-encoded. */
const DATABASE_SCHEMES =
  /^(?:jdbc|postgres|postgresql|pg|psql|pgbouncer|cockroach|cockroachdb|cockroach|redshift|timescale\w*|mysql\w*|mariadb\w*|mssql\w*|sqlserver|oracle\w*|db2|mongodb|redis|rediss|valkey\w*|amqp|amqps|clickhouse\w*|ch|kafka|nats|memcached|cassandra|scylla\w*|snowflake|vertica|presto|trino|hive\w*|ldap|ldaps|smtp|smtps|sftp|ftp|ftps|influxdb|neo4j\w*|bolt\w*|elasticsearch|couchbase\w*|couchdb|supabase|prisma\w*|firebird|sybase|tidb|planetscale)(?:\+.*)?$/i

/** `scheme://user:password@host` in running text: anchored at `://`, so linear. The password may hold raw `@ / # ? :`. */
export function urlRule(hideTopology: boolean): Rule {
  return {
    id: 'url',
    anchors: ['://'],
    find: (scan, start, end) => {
      const scheme = schemeBefore(scan, start)
      if (scheme === null) return null
      scan.hold = end
      if (hideTopology && scheme !== 'file') return wholeUrl(scan, end)
      return passwordIn(scan, end, DATABASE_SCHEMES.test(scheme))
    },
  }
}

/** go-sql-driver: `user:password@tcp(host)/db`, `user:password@/db`. */
export const goDsnRule: Rule = {
  id: 'dsn-go',
  anchors: ['@tcp(', '@tcp4(', '@tcp6(', '@udp(', '@unix(', '@cloudsql(', '@pipe(', '@/'],
  find: (scan, start) => {
    if (scan.behind(start) === 0x3a) return null
    const colon = dsnColon(scan, start)
    if (colon === -1 || colon + 1 === start) return null
    if (scan.is(colon, '://') || scan.isFolded(colon - 4, 'jdbc') || scan.is(colon + 1, '***')) return null
    const password = scan.slice(colon + 1, start)
    return isPlaceholder(password) ? null : { start: colon + 1, end: start }
  },
}

/** The colon between user and password in the word that ends at a position; -1 when there is none. Streams hold text
 * from there on, since only `@tcp(` later on tells what it is. */
export function dsnColon(scan: Scan, end: number): number {
  let colon = -1
  let i = end - 1
  while (i >= end - DSN_LIMIT) {
    const c = scan.behind(i + 1)
    if (c === -1 || isSpace(c) || c === 0x22 || c === 0x60) break
    if (c === 0x3a) colon = i
    if ((c === 0x27 || c === 0x28 || c === 0x3d) && colon === i + 1) colon = -1
    i--
  }
  if (colon === -1 || !isKeyChar(scan.behind(colon))) return -1
  return colon
}

/** Oracle: `jdbc:oracle:thin:user/password@host`. */
export const oracleRule: Rule = {
  id: 'dsn-oracle',
  anchors: ['jdbc:oracle:'],
  find: (scan, _start, end) => {
    const kind = scan.skip(end, end + 16, isWord)
    if (scan.at(kind) !== 0x3a) return null
    const user = scan.skip(kind + 1, kind + 129, isKeyChar)
    if (scan.at(user) !== 0x2f || user === kind + 1) return null
    const at = lastAt(scan, user + 1)
    if (at === -1 || isPlaceholder(scan.slice(user + 1, at))) return null
    return { start: user + 1, end: at }
  },
}

/** The scheme in lower case, `jdbc:` and the like not counted; null when `://` follows none. */
function schemeBefore(scan: Scan, colon: number): string | null {
  let start = colon
  const isSchemeChar = (c: number) => isWord(c) || c === 0x2b || c === 0x2d || c === 0x2e
  while (start > colon - SCHEME_LIMIT && isSchemeChar(scan.behind(start)) && !scan.endsEscape(start)) start--
  while (start < colon && !isLetter(scan.at(start))) start++
  return start === colon ? null : scan.slice(start, colon).toLowerCase()
}

function wholeUrl(scan: Scan, from: number): Found | null {
  const first = scan.at(from)
  if (first === -1 || endsWord(scan, from)) return null
  if (scan.is(from, '***') && (scan.at(from + 3) === -1 || endsWord(scan, from + 3))) return null
  return { start: from, until: (inner, at) => wordEnd(inner, at, Number.POSITIVE_INFINITY) }
}

function passwordIn(scan: Scan, from: number, database: boolean): Found | null {
  const at = userinfoEnd(scan, from, database)
  if (at === -1) return database ? truncated(scan, from) : null
  const colon = scan.skip(from, at, (c) => c !== 0x3a)
  if (colon === at) return userOnly(scan, from, at, database)
  const password = scan.slice(colon + 1, at)
  if (password === '' || password === 'x-oauth-basic') return userOnly(scan, from, colon, database)
  return isPlaceholder(password) ? null : { start: colon + 1, end: at }
}

/** Position of the `@` that ends the userinfo, -1 when there is none. */
function userinfoEnd(scan: Scan, from: number, database: boolean): number {
  const last = lastAt(scan, from)
  if (last === -1) return -1
  let authority = from
  let inAuthority = -1
  while (authority < last) {
    const c = scan.at(authority)
    if (c === 0x2f || c === 0x3f || c === 0x23) break
    if (c === 0x40) inAuthority = authority
    authority++
  }
  if (authority === last) return last
  if (inAuthority !== -1) return database && queryStart(scan, authority, last) === -1 ? last : inAuthority
  const colon = scan.skip(from, authority, (c) => c !== 0x3a)
  if (colon === authority || scan.at(from) === 0x5b) return -1
  const numeric = scan.skip(colon + 1, authority, isDigit) === authority
  if (numeric && (!database || queryStart(scan, authority, last) !== -1)) return -1
  return last
}

/** Where `?name=` begins between two positions: from there on a `@` belongs to a parameter. */
function queryStart(scan: Scan, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    if (scan.at(i) !== 0x3f) continue
    const name = scan.skip(i + 1, Math.min(to, i + 65), isKeyChar)
    if (name > i + 1 && scan.at(name) === 0x3d) return i
  }
  return -1
}

/** `https://token@host`, `https://token:@host`: a long user without a password is one. */
function userOnly(scan: Scan, from: number, end: number, database: boolean): Found | null {
  if (database || end - from < 20) return null
  const user = scan.slice(from, end)
  return /\d/.test(user) && !isPlaceholder(user) ? { start: from, end } : null
}

/** A database URL that was cut off, or whose password holds a blank: what stands in the place of the port is no port. */
function truncated(scan: Scan, from: number): Found | null {
  const limit = from + WORD_LIMIT
  const isName = (c: number) => isKeyChar(c) || c === 0x25
  const colon = scan.skip(from, from + 256, isName) + 1
  if (scan.at(colon - 1) !== 0x3a) return null
  const port = scan.skip(colon, colon + 64, isDigit)
  const next = scan.at(port)
  if (
    endsWord(scan, port) ||
    next === 0x2f ||
    next === 0x3f ||
    next === 0x2c ||
    next === 0x3b ||
    next === 0x29 ||
    next === 0x3a
  )
    return null
  const word = scan.slice(colon, wordEnd(scan, colon, colon + 64))
  if (/^(?:port|pass|password)$/i.test(word) || isPlaceholder(word) || word.startsWith('***') || /^[{$<[]/.test(word))
    return null
  const end = wordEnd(scan, colon, limit)
  const at = blankInside(scan, end)
  return { start: colon, end: at === -1 ? end : at }
}

function wordEnd(scan: Scan, from: number, limit: number): number {
  let i = from
  while (i < limit && !endsWord(scan, i) && !scan.open) i++
  return i
}

/** The `@` before a host, after at most a few words: `postgres://app:my pass word@host:5432/db`. */
function blankInside(scan: Scan, from: number): number {
  let i = from
  while (i < from + 64) {
    const c = scan.at(i)
    if (c === -1 || isQuote(c) || c === 0x0a || c === 0x0d) return -1
    if (c === 0x40) {
      const host = scan.skip(i + 1, i + 257, isKeyChar)
      const next = scan.at(host)
      return host > i + 1 && (next === 0x3a || next === 0x2f) && !isBlank(scan.at(i - 1)) ? i : -1
    }
    i++
  }
  return -1
}

/** The last `@` of the word that begins at a position, within 2,048 characters. Words are scanned once, however many
 * anchors they hold. */
function lastAt(scan: Scan, from: number): number {
  const word = scan.notes.word
  const known = from >= word.from && from <= word.to
  let i = known ? word.to : from
  let at = known ? word.lastAt : -1
  let ended = known && word.ended
  const limit = from + WORD_LIMIT
  while (!ended && i < limit) {
    const ends = endsWord(scan, i)
    if (scan.open) break
    if (ends) {
      ended = true
      break
    }
    if (scan.at(i) === 0x40) at = i
    i++
  }
  Object.assign(word, { from: known ? word.from : from, to: i, lastAt: at, ended })
  return at >= from && at < limit ? at : -1
}

/** White space, an escaped line break, or a quote or angle bracket that closes what is around: passwords hold both. */
function endsWord(scan: Scan, i: number): boolean {
  const c = scan.at(i)
  if (c === -1 || isSpace(c)) return true
  if (isQuote(c) || c === 0x3e) return closesAround(scan.at(i + 1))
  if (c === 0x3c) return scan.at(i + 1) === 0x2f
  if (c !== 0x5c) return false
  const run = scan.skip(i, i + 16, (d) => d === 0x5c)
  const next = scan.at(run)
  if (isQuote(next)) return closesAround(scan.at(run + 1))
  return next === 0x6e || next === 0x72 || next === 0x74
}
