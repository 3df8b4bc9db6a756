/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>

/** What a process needs to find its programs, its folders, its language and its configuration. No variable that loads code
 * (`NODE_OPTIONS`, `LD_PRELOAD`) and none that may be a secret. */
const ALLOWED = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'TEMP',
  'TMP',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'GNUPGHOME',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'NO_COLOR',
  'AIRLOCK_CONFIG',
  'AIRLOCK_HOME',
  'AIRLOCK_DEBUG',
  // Windows.
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'COMSPEC',
  'PATHEXT',
  'USERPROFILE',
  'APPDATA',
  'LOCALAPPDATA',
  'PROGRAMDATA',
])

const LOCALE = /^LC_[A-Z]+$/

/** Names that people give to secrets. */
const SECRET_NAME =
  /(?:^|_)(?:PASSWORD|PASSWD|PWD|PASS|PASSPHRASE|SECRET|SECRETS|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY|MASK_KEY|DSN|AUTH)(?:$|_)|(?:DATABASE|DB|POSTGRES|MYSQL|REDIS|MONGO(?:DB)?|WAREHOUSE|CONNECTION)_?(?:URL|URI|STRING)$/
/** Names that look like one and are none. */
const NO_SECRET = new Set(['PWD', 'OLDPWD', 'SSH_AUTH_SOCK'])

/** The part of an environment that the server and its children may have: everything else is left out, whatever it is
 * called. */
export function allowedEnvironment(variables: Variables): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined && (ALLOWED.has(name.toUpperCase()) || LOCALE.test(name))) kept[name] = value
  }
  return Object.freeze(kept)
}

/** Whether there is anything in an environment that the server may not have. What shells add to every process does not
 * count. */
export function isCut(variables: Variables): boolean {
  const allowed = allowedEnvironment(variables)
  return Object.keys(variables).every((name) => Object.hasOwn(allowed, name) || HARMLESS.has(name))
}

const HARMLESS = new Set(['PWD', 'OLDPWD', 'SHLVL', '_', '__CF_USER_TEXT_ENCODING'])

/** Names of variables that are set and read like secrets, sorted. */
export function secretNames(variables: Variables): readonly string[] {
  return Object.entries(variables)
    .filter(([name, value]) => value !== undefined && value !== '' && !NO_SECRET.has(name))
    .map(([name]) => name)
    .filter((name) => SECRET_NAME.test(name.toUpperCase()))
    .sort()
}
