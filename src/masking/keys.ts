/** What a key says about its value. `secret`: the value is hidden, numbers too. `soft`: it is hidden unless it is a
 * number (`tokens: 1200` counts, `tokens: {…}` holds). `header`: a secret whose value is a whole header line.
 * `topology`: hidden only when topology is. */
export type KeyVerdict = 'public' | 'soft' | 'secret' | 'header' | 'topology'

const CACHE_LIMIT = 10_000
const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/))

/** Words at the end of a key that say nothing about it: the word before them decides. */
const NEUTRAL = words(
  'value values text string str raw plain plaintext clear cleartext new old current previous prev next again repeat confirm confirmation confirmed encrypted encoded decrypted hash hashed digest b64 base64 hex bytes default content base v',
)
const SECRET = words(
  'password passwords passwd passwort kennwort pwd passphrase passcode secret token apikey authorization credential dsn jwt bearer otp totp connectionstring connstr cvv cvc',
)
/** The same at the end of a word that was written together (`PGPASSWORD`, `authtoken`). */
const SECRET_ENDINGS = [
  ...['password', 'passwd', 'passwort', 'passphrase', 'passcode', 'secret', 'token', 'apikey', 'secretkey'],
  ...['accesskey', 'privatekey', 'authkey', 'signingkey', 'encryptionkey', 'masterkey', 'authorization', 'pwd'],
  ...['connectionstring', 'credential', 'sharedkey', 'accountkey'],
]
const SOFT = words(
  'pass passes secrets tokens credentials apikeys creds jwts bearers otps cookies passphrases passwds dsns',
)
const PASS_WORDS = words(
  'dbpass smtppass mysqlpass pgsqlpass userpass mypass adminpass rootpass ftppass mailpass sshpass authpass proxypass requirepass masterauth ldappass ospass storepass keypass',
)
/** What makes a `key` a secret one. */
const KEY_QUALIFIERS = words(
  `api access secret private service role encryption decryption encrypt decrypt cipher crypto signing sign master auth
  account shared admin anon license licence client ssh ssl tls rsa dsa ec pgp gpg hmac aes mask webhook deploy subscription
  functions session cookie jwt root app application server security authentication password recovery backup activation
  supabase stripe openai anthropic sendgrid mailgun twilio aws azure gcp google github gitlab slack datadog sentry
  cloudflare algolia firebase mapbox newrelic pagerduty okta auth0 vault e2b neon planetscale huggingface doppler`,
)
/** Tokens of paging, of language models and of parsers. */
const HARMLESS_TOKENS = words(
  'page nextpage continuation continue pagination sync resume cursor eos bos pad unk mask sep cls stop start end special first last unexpected max min total',
)
/** What is passed when it is no password. */
const HARMLESS_PASSES = words('first second third last single multi tests test all render compiler by')
const ASKING = words(
  'has have is are was no with without use uses using used need needs require requires required allow allows enable enables disable disables show hide forgot reset change update verify validate check',
)
const HEADERS = words('authorization proxyauthorization cookie setcookie cookie2 setcookie2')
const TOPOLOGY = words(
  'host hostname hostaddr server address addr ip port user username uid login database dbname db initialcatalog datasource endpoint hosts servers',
)

/** Decides by the *last* words of a key, so that `password_policy`, `token_count` or `key_id` are public and
 * `client_secret`, `PGPASSWORD` or `SUPABASE_SERVICE_ROLE_KEY` are not. One list for objects, text, environment and
 * headers. Verdicts are remembered, for at most 10 000 keys. */
export class KeyJudge {
  readonly #seen = new Map<string, KeyVerdict>()

  verdict(key: string): KeyVerdict {
    const known = this.#seen.get(key)
    if (known !== undefined) return known
    const verdict = judge(key.length > 128 ? key.slice(-128) : key)
    if (this.#seen.size >= CACHE_LIMIT) this.#seen.clear()
    this.#seen.set(key, verdict)
    return verdict
  }
}

/** Whether a token of this kind, written as two words, is one of paging, of a language model or of a parser. */
export function isHarmlessToken(kind: string): boolean {
  return HARMLESS_TOKENS.has(kind.toLowerCase())
}

/** The words of a key in lower case: `X-Api-Key`, `apiKey`, `API_KEY` and `api.key` all give `api key`. */
function wordsOf(key: string): string[] {
  return key
    .replace(/([\p{Ll}0-9])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
}

function judge(key: string): KeyVerdict {
  const parts = wordsOf(key)
  if (HEADERS.has(parts.join('')) || (parts.at(-1) === 'cookie' && parts.length <= 2)) return 'header'
  if (/connection str(?:ing)?$|conn str(?:ing)?$/.test(parts.join(' '))) return 'secret'
  while (parts.length > 1 && (NEUTRAL.has(parts.at(-1)!) || /^\d+$/.test(parts.at(-1)!))) parts.pop()
  const last = parts.at(-1)?.replace(/(?<=[a-z]{3})\d+$/, '')
  if (last === undefined) return 'public'
  const before = parts.at(-2)
  if (parts.length > 1 && ASKING.has(parts[0]!)) return 'public'
  if (last === 'token' || last === 'tokens') {
    if (before !== undefined && HARMLESS_TOKENS.has(before)) return 'public'
    return last === 'token' ? 'secret' : 'soft'
  }
  if (last === 'key' || last === 'keys') return keyOf(before, last)
  if (SECRET.has(last)) return 'secret'
  if (SOFT.has(last)) return last === 'pass' && before && !HARMLESS_PASSES.has(before) ? 'secret' : 'soft'
  if (PASS_WORDS.has(last)) return 'secret'
  if (SECRET_ENDINGS.some((ending) => last.endsWith(ending))) return 'secret'
  if (last.endsWith('s') && SECRET_ENDINGS.some((ending) => last.endsWith(`${ending}s`))) return 'soft'
  if (last === 'signature' && before === 'access') return 'secret'
  if (last === 'auth' && (/^_|^x-/i.test(key) || before === 'basic' || before === 'http' || before === 'proxy'))
    return 'secret'
  return TOPOLOGY.has(last) || TOPOLOGY.has(parts.join('')) ? 'topology' : 'public'
}

function keyOf(before: string | undefined, last: string): KeyVerdict {
  if (before === undefined) return 'public'
  if (!KEY_QUALIFIERS.has(before) && !/(?:secret|access|private|api|signing|encryption|auth)$/.test(before))
    return 'public'
  return last === 'key' ? 'secret' : 'soft'
}
