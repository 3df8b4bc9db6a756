import type { DsnSpan } from './dsn.js'

/** What a connection string may show the value of, written without case, spaces, `_`, `-` and `.`. Everything else is
 * hidden: a list of secret names would miss the next driver's. */
const SHOWN: ReadonlySet<string> = new Set(
  `address allowpublickeyretrieval app appname applicationname applicationintent authmechanism authsource
  autoreconnect catalog channelbinding characterencoding characterset charset clientencoding collation connectionlimit
  connectiontimeout connecttimeout currentschema database databasename datasource db dbname directconnection driver dsn
  encrypt failover fallbackapplicationname gssencmode host hostaddr initialcatalog integratedsecurity keepalives
  keepalivescount keepalivesidle keepalivesinterval logintimeout maxpoolsize minpoolsize
  multipleactiveresultsets multisubnetfailover networkaddress option parsetime persistsecurityinfo pgbouncer pooling
  poolsize pooltimeout port preparethreshold protocol provider readonly readpreference replicaset requiressl retrywrites
  schema serverselectiontimeoutms server servername servertimezone service sessiontimezone socketpath sockettimeout ssl
  sslminprotocolversion sslmode sslsni statementtimeout targetsessionattrs timeout timezone tls trustedconnection
  trustservercertificate uid unixsocket usecompression user userid username usessl verifyservercertificate`.split(
    /\s+/,
  ),
)

const CREDENTIAL = /pass|pwd|secret|token|credential|apikey|accesskey|privatekey|sslkey/

/** Whether the value of a parameter may be shown, and if not, why not. The name may be percent-encoded. */
export function parameterVerdict(name: string): 'shown' | DsnSpan['role'] {
  const plain = decodeName(name)
    .toLowerCase()
    .replace(/[\s_.-]/g, '')
  if (SHOWN.has(plain)) return 'shown'
  return CREDENTIAL.test(plain) ? 'password' : 'unknown'
}

/** `%70assword` is read as `password` by every client. */
function decodeName(name: string): string {
  return name
    .slice(0, 100)
    .replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
