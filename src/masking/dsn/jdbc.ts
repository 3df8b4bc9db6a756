import type { DsnText } from './dsn.js'
import { readPairs } from './pairs.js'
import { MASK } from './placeholder.js'
import { readAddressUrl, readUrl } from './url.js'

/** Reads a JDBC URL. Returns its scheme, or undefined when its dialect is not known. */
export function readJdbc(dsn: DsnText, start: number, end: number): string | undefined {
  const rest = dsn.text.slice(start, Math.min(end, start + 100))
  const oracle = /^jdbc:oracle:(?:thin|oci8?|kprb):/i.exec(rest)?.[0]
  if (oracle !== undefined) return readOracle(dsn, start + oracle.length, end) ? oracle : undefined
  const scheme = /^jdbc:[a-z\d]{1,20}(?:[:+][a-z\d-]{1,20}){0,3}:\/\//i.exec(rest)?.[0]
  if (scheme === undefined) return undefined
  const from = start + scheme.length
  if (/^jdbc:(?:sqlserver|jtds:sqlserver):/i.test(scheme) && readSqlServer(dsn, from, end)) return scheme
  if (/^[^/?]*\(/.test(dsn.text.slice(from, end))) return readAddressUrl(dsn, from, end) ? scheme : undefined
  readUrl(dsn, from, end)
  return scheme
}

/** `host\instance:port;key=value;…`, where values may hold every character that a URL reserves. */
function readSqlServer(dsn: DsnText, start: number, end: number): boolean {
  const semicolon = dsn.find(';', start, end)
  if (semicolon === end || !/^[\w.\\-]*(?::\d{1,5})?(?:\/[\w-]*)?$/.test(dsn.text.slice(start, semicolon))) return false
  const before = dsn.spans.length
  if (readPairs(dsn, semicolon + 1, end) >= 0) return true
  dsn.spans.length = before
  dsn.hide(semicolon + 1, end, 'unknown')
  return true
}

/** `user/password@address` with an EZConnect or TNS address: the last `@` ends the password. An earlier `@` or a `?`
 * could also be the address's own, so then nothing behind the password is shown either. */
function readOracle(dsn: DsnText, start: number, end: number): boolean {
  const { text } = dsn
  const at = text.lastIndexOf('@', end - 1)
  // What `hideTopology` leaves.
  if (text.slice(start, end) === MASK) return true
  if (at < start) return false
  const slash = dsn.find('/', start, at)
  if (/[\s@?;=]/.test(text.slice(start, slash))) return false
  const ambiguous = /[@?]/.test(text.slice(slash, at))
  dsn.hide(Math.min(slash + 1, at), at, 'password')
  const address = text.slice(at + 1, end)
  if (ambiguous || !/^[\w.:/,()=\s-]*$/.test(address) || /pass|pwd|secret|token|wallet/i.test(address))
    dsn.hide(at + 1, end, 'unknown')
  return true
}
