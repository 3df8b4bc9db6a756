import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/masking/index.js'

/** Texts that hide one secret, marked `«…»`, and what is left of them. */
const LEAKS: Readonly<Record<string, readonly string[]>> = {
  'URLs in running text': [
    'postgres://svc:«12/ss»@db.example.test:5432/app',
    'postgres://svc:«pa ss-fake»@db.example.test:5432/app',
    'mysql://svc:«p@ss:w0rd/x#y?z»@db.example.test:3306/app?ssl=1',
    'https://user:«pa/ss»@api.example.test/x',
    'https://ghs:«tok»@github.com/acme/x.git?ref=a@b',
    'postgres://u:«hunter2»',
    '(see mysql://a:«b»@c/d)',
    '{"url":"postgres://u:«p\\"w»@h/db"}',
    'https://«0123456789abcdef0123456789abcdef»@o1.ingest.example.test/1',
    'jdbc:oracle:thin:scott/«tiger99»@//h:1521/orcl',
    'root:«sekret»@/shop?parseTime=true',
    'redis://default:«hunter22»@cache:6379,cache2:6379/0',
  ],
  'connection strings': [
    "user=app password='«it\\'s secret»' host=h",
    'Server=h;Database=d;User Id=sa;Password="«a;b""c»";Encrypt=True',
    'Driver={ODBC Driver 17};PWD={«a}}b;c»};UID=sa',
    'Initial Catalog=d;User ID=sa;Password=«p;w»;Persist Security Info=False',
    'AccountName=x;AccountKey=«abc+def/ghi==»;EndpointSuffix=core.windows.net',
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=''«a b»'' dbname=d'",
  ],
  JSON: [
    '{"password":«12345»,"n":1}',
    '{"password" : "«a\\"b\\\\»", "n":1}',
    '{"secret":«{"inner":"x"}»,"n":1}',
    '{"name":"DB_PASSWORD","value":"«abc»"}',
    '["x-api-key","«abc»","accept","*/*"]',
    String.raw`{"m":"{\"a\":{\"b\":\"{\\\"token\\\":\\\"«deep\\\\\\\\x»\\\"}\"}}"}`,
  ],
  headers: [
    'authorization: «AWS4-HMAC-SHA256 Credential=AKIDX/2026, SignedHeaders=host, Signature=abcdef»',
    'curl -H "X-Api-Key: «abc»" -H \'Cookie: «a=b; c=d»\' https://x.test',
    "{ 'x-api-key': '«abc»', accept: '*/*' }",
    'Bearer «abcdefghijklmnop1234» rejected',
    '"cookie":«["a=b","c=d"]»,"n":1',
    'x-supabase-auth: «abc»',
    ':authorization: «Bearer abc»',
  ],
  'command lines': [
    "mysql -uroot -p'«pa ss»' db",
    '["mysql","-h","h","-p«abc1»","db"]',
    'redis-cli -a «sekret» ping',
    'java -Dspring.datasource.password=«abc» -jar x',
    '--api-key «abc» --verbose',
    'curl -uapp:«pw1» https://x',
    "curl -b '«session=abc»' https://x",
    'ENV DB_PASSWORD «abc»',
    'openssl rsa -passin pass:«abc» -in k',
    '--set db.password=«abc»,foo=bar',
  ],
  files: [
    'password: |\n  «line one\n  line two»\nport: 1',
    'password: &pw «secret1» # c\nport: 1',
    'passphrase: «correct horse battery staple»\nnext: 1',
    'DB_PASSWORD=«has space»\nPORT=1',
    '<password>«abc»</password><n>1</n>',
    '<entry key="db.password">«abc»</entry>',
    'machine h.test\n  login app\n  password «abc1»\nmachine b',
    'h.test:5432:*:app:«pa\\:ss»',
    '//registry.npmjs.org/:_authToken=«abc»',
    'requirepass «abc1»',
  ],
  SQL: [
    "CREATE USER 'a' IDENTIFIED VIA mysql_native_password USING PASSWORD('«abc1»')",
    "alter user a identified by '«x»' replace '«yold»'",
    'CREATE ROLE a PASSWORD $x$«ab$c»$x$ LOGIN',
    "SET PASSWORD FOR 'a'@'%' = '«abc1»'",
    'CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD="«abc»", SOURCE_PORT=1',
    'hash «$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghij» end',
  ],
  'query strings': [
    '/cb?code=«abcdef0123456789»&state=1',
    'redirect=https%3A%2F%2Fx%2F%3Faccess_token%3D«abc»%26y%3D1',
    'username=a&password=«b»&x=1',
    '[link](https://x.test/?token=«abc»)',
  ],
  terminals: ['token=\x1b[32m«abc»\x1b[0m next', '\x1b[31mpassword\x1b[0m=\x1b[1m«abc»\x1b[0m x'],
}

const UNTOUCHED = [
  'https://api.example.test:8080/u/@handle',
  '{"secretName":"a","tokenId":"t","keyId":"k","password_policy":"strong"}',
  'Access denied for user (using password: YES)',
  'WWW-Authenticate: Basic realm="x"',
  'type Foo { password: String! }',
  'tokens: 1.2k',
  'secret santa: bob',
  'PWD=/srv/app OLDPWD=/srv',
  'public_key: abc',
  'next_page_token: 5, page token: abc',
  'password=<your password>',
  'password: {{ .Values.db.password }}',
  'mysql -p shop',
  'password=%DB_PASSWORD%',
  "fetch(url, { credentials: 'include' })",
  'Unexpected token: }',
  'secret "db-creds" not found',
  'arn:aws:secretsmanager:eu-1:1:secret:name',
  "create user 'a' identified by random password",
  'ALTER USER a PASSWORD EXPIRE INTERVAL 90 DAY',
  'Password changed successfully',
  'https://x.test/reset-password?step=2',
  'api key rotation: enabled',
  'Missing required key: password',
]

describe('text', () => {
  const masker = createMasker()

  for (const [family, texts] of Object.entries(LEAKS)) {
    it.each(texts)(`hides the secret and nothing else in ${family}: %s`, (marked) => {
      const masked = marked.replace(/«[\s\S]*?»/g, '***')
      expect(masker.text(marked.replace(/[«»]/g, ''))).toBe(masked)
      expect(masker.text(masked)).toBe(masked)
    })
  }

  it.each(UNTOUCHED)('leaves alone: %s', (text) => {
    expect(masker.text(text)).toBe(text)
  })

  it('counts masked spans by rule and shows no values', () => {
    const counting = createMasker({ secrets: ['registered-value-1'] })
    counting.text('registered-value-1 and postgres://a:b@h/x')
    expect(counting.stats().spans).toEqual({ value: 1, url: 1 })
    expect(JSON.stringify(counting.stats())).not.toContain('registered')
  })

  it('hides hosts, users and databases when topology is hidden', () => {
    const hidden = createMasker({ hideTopology: true })
    expect(hidden.text('postgres://app@prod-7.test:6543/warehouse failed')).toBe('postgres://*** failed')
    expect(hidden.text('host=prod-7.test port=6543 dbname=warehouse rows=2')).toBe(
      'host=*** port=*** dbname=*** rows=2',
    )
    expect(hidden.value({ host: 'prod-7.test', rows: 2 })).toEqual({ host: '***', rows: 2 })
  })
})
