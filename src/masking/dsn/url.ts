import { readAddressGroups } from './address-groups.js'
import type { DsnText } from './dsn.js'
import { readPairs } from './pairs.js'
import { readQuery } from './query.js'

/** Schemes whose lone user name is a user name. Elsewhere (`https://token@host`) it is usually a token. */
const USER_SCHEMES =
  /^\s*(?:jdbc:)?(?:postgres|postgresql|pgsql|mysql|mysqlx|mysql2|mariadb|mongodb|sqlserver|mssql)\b/i
const KNOWN_SCHEMES = new RegExp(`${USER_SCHEMES.source}|^\\s*(?:https?|wss?)\\b`, 'i')

const HOST = /^(?:\[[\da-f:.%]*\]|[\w.%~*\\-]*)(?::(?:\d{1,5}|\*{3}))?$/i
const PATH = /^[\w/.$%:+~,*-]*$/

/** Reads what follows `scheme://` in text[start, end). Where an `@` stands behind a raw `/ ? #`, nobody can know whether
 * these belong to the password, so the text is read both ways and both hide what they hold secret. */
export function readUrl(dsn: DsnText, start: number, end: number): void {
  const { text } = dsn
  const authorityEnd = dsn.find('/?#', start, end)
  const at = text.lastIndexOf('@', authorityEnd - 1)
  const hosts = at < start ? start : at + 1
  if (at >= start) readUserinfo(dsn, start, at)

  const lastAt = text.lastIndexOf('@', end - 1)
  const colon = dsn.find(':', start, end)
  if (lastAt < authorityEnd || colon > lastAt) {
    // The lone token of an unknown scheme, with raw characters in it; web addresses have such paths.
    if (lastAt >= authorityEnd && !KNOWN_SCHEMES.test(text)) dsn.hide(start, lastAt, 'password')
    readHosts(dsn, hosts, authorityEnd)
    readTail(dsn, authorityEnd, end, PATH)
    return
  }
  dsn.hide(colon + 1, lastAt, 'password')
  if (at >= start) readHosts(dsn, hosts, authorityEnd)
  readTail(dsn, authorityEnd, end, /^[^\s=]*$/)
  const hostsEnd = dsn.find('/?#', lastAt, end)
  readHosts(dsn, lastAt + 1, hostsEnd)
  readTail(dsn, hostsEnd, end, PATH)
}

/** Reads what follows `jdbc:mysql://` when the hosts are written as `address=(…)` groups. Returns false when they are
 * not, or not well. */
export function readAddressUrl(dsn: DsnText, start: number, end: number): boolean {
  const { text } = dsn
  const at = Math.max(text.lastIndexOf('@(', end), text.toLowerCase().lastIndexOf('@address=(', end))
  const first = /^(?:address=)?\(/i.test(text.slice(start, start + 9)) ? start : at + 1
  if (first <= start && first !== start) return false
  if (first > start) readUserinfo(dsn, start, at)
  const tail = readAddressGroups(dsn, first, end)
  if (tail < 0) return false
  // Another parenthesis behind the address: its last value may have held `)/`.
  if (text.indexOf(')', tail) >= 0) dsn.hide(tail + 1, end, 'unknown')
  readTail(dsn, tail, end, PATH)
  return true
}

function readUserinfo(dsn: DsnText, start: number, at: number): void {
  const colon = dsn.find(':', start, at)
  if (colon < at) dsn.hide(colon + 1, at, 'password')
  else if (!USER_SCHEMES.test(dsn.text)) dsn.hide(start, at, 'password')
}

/** `host[:port]` with commas between several, then `;key=value` as SQL Server has it. From the first thing that is
 * neither on, all is hidden: it may be the rest of a password. */
function readHosts(dsn: DsnText, start: number, end: number): void {
  const { text } = dsn
  const hostsEnd = dsn.find(';', start, end)
  let at = start
  while (at < hostsEnd) {
    const stop = dsn.find(',', at, hostsEnd)
    const host = text.slice(at, stop)
    if (!HOST.test(host)) {
      const named = /^[\w.-]{1,255}:/.exec(host)?.[0].length ?? 0
      dsn.hide(at + named, end, 'unknown')
      return
    }
    at = stop + 1
  }
  readSemicolons(dsn, hostsEnd, end)
}

/** The path, up to a `;`, is shown when it matches `shown`; the query by its names; a fragment never. */
function readTail(dsn: DsnText, start: number, end: number, shown: RegExp): void {
  const { text } = dsn
  const pathEnd = dsn.find('?#', start, end)
  const nameEnd = dsn.find(';', start, pathEnd)
  if (!shown.test(text.slice(start, nameEnd))) dsn.hide(start + 1, nameEnd, 'unknown')
  readSemicolons(dsn, nameEnd, pathEnd)
  const hash = dsn.find('#', pathEnd, end)
  if (pathEnd < hash) readQuery(dsn, pathEnd + 1, hash)
  if (hash < end) dsn.hide(hash + 1, end, 'unknown')
}

function readSemicolons(dsn: DsnText, start: number, end: number): void {
  if (start >= end) return
  const before = dsn.spans.length
  if (readPairs(dsn, start + 1, end) >= 0) return
  dsn.spans.length = before
  dsn.hide(start + 1, end, 'unknown')
}
