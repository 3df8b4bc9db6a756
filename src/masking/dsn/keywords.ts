import type { DsnText } from './dsn.js'
import { skipSpace } from './pairs.js'
import { parameterVerdict } from './parameter-name.js'

/** The keywords of libpq 17 (PQconndefaults) and the two file parameters that older versions had. */
const KEYWORDS: ReadonlySet<string> = new Set(
  `application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
  gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
  load_balance_hosts max_protocol_version min_protocol_version options passfile password port replication require_auth
  requirepeer requiressl service servicefile ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode
  sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
  tcp_user_timeout tty user`.split(/\s+/),
)

/** Reads libpq's `keyword = value` text in text[start, end): values may be quoted with `'`, a backslash takes the next
 * character literally. Returns the number of pairs, or -1 when the text is anything else. */
export function readKeywords(dsn: DsnText, start: number, end: number): number {
  const { text } = dsn
  let at = skipSpace(text, start, end)
  let pairs = 0
  while (at < end) {
    const nameEnd = dsn.find('= \t\r\n', at, end)
    const name = text.slice(at, nameEnd)
    if (!KEYWORDS.has(name.toLowerCase())) return -1
    at = skipSpace(text, nameEnd, end)
    if (text[at] !== '=' || at >= end) return -1
    at = readValue(dsn, name, skipSpace(text, at + 1, end), end)
    if (at < 0) return -1
    at = skipSpace(text, at, end)
    pairs++
  }
  return pairs
}

/** Returns where the value ends, or -1 for an open quote. */
function readValue(dsn: DsnText, name: string, start: number, end: number): number {
  const { text } = dsn
  const quoted = text[start] === "'" && start < end
  const from = quoted ? start + 1 : start
  let at = from
  while (at < end && (quoted ? text[at] !== "'" : text[at]!.trim() !== '')) at += text[at] === '\\' ? 2 : 1
  if (at > end || (quoted && at >= end)) return -1
  const verdict = parameterVerdict(name)
  if (verdict !== 'shown') dsn.hide(from, at, verdict)
  // libpq takes a whole connection string as dbname.
  else if (/=|:\/\//.test(text.slice(from, at))) dsn.hide(from, at, 'unknown')
  return quoted ? at + 1 : at
}
