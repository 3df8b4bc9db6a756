import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maskDsn, parseDsn } from '../../../src/masking/dsn/index.js'
import { SHAPES } from './shapes.js'

const SECRET = 'Fk9_fake-secret!'
const shapes = Object.entries(SHAPES)

describe('maskDsn keeps what is harmless', () => {
  it.each(shapes.filter(([name]) => name !== 'unknownName'))('%s', (_, shape) => {
    const masked = shape(SECRET).replaceAll(SECRET, '***').replaceAll(encodeURIComponent(SECRET), '***')
    expect(maskDsn(shape(SECRET))).toBe(masked)
  })

  it.each([
    'postgres://app@db.host.test/shop',
    'postgres://db.host.test:5432/shop?user=app%40corp&application_name=x',
    'host=db.test dbname=shop',
    'Server=(local)\\SQLEXPRESS;Integrated Security=true',
    'jdbc:oracle:thin:@//db.host.test:1521/orcl',
    'jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=h)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=x)))',
    'tcp(db.host.test)/shop',
    'postgres://h:5432',
    '',
  ])('%j has no secret', (dsn) => {
    expect(maskDsn(dsn)).toBe(dsn)
  })

  it.each(['***', '${DB_PASSWORD}', '${env:DB_PASSWORD}', '{{ password }}', '<password>', '[REDACTED]', ''])(
    'the placeholder %j stays',
    (placeholder) => {
      for (const name of ['url', 'noUser', 'goTcp', 'libpqRaw', 'jdbcRaw', 'sqlServerRaw', 'adoRaw'] as const) {
        if (name === 'libpqRaw' && /^$|\s/.test(placeholder)) continue
        if (name !== 'url' && placeholder.startsWith('{')) continue
        const dsn = SHAPES[name]!(placeholder)
        expect(maskDsn(dsn)).toBe(dsn)
      }
      expect(maskDsn(placeholder)).toBe(placeholder)
    },
  )
})

describe('maskDsn hides what is not', () => {
  it.each([
    ['postgres://svc:pa/ss-fake@db.test:5432/app', 'postgres://svc:***@db.test:5432/app'],
    ['postgres://svc:p@ss@fake9@db.test/app', 'postgres://svc:***@db.test/app'],
    ['mysql://root:12/ab@h/d', 'mysql://root:***@h/d'],
    ['postgres://svc:pa#ss-fake@db.test/app', 'postgres://svc:***'],
    ['postgres://svc:pa?ss-fake@db.test/app', 'postgres://svc:***'],
    ['postgres://u:longpassword', 'postgres://u:***'],
    ['postgres://u:p@h/d?application_name=x#fragment', 'postgres://u:***@h/d?application_name=x#***'],
    [
      'postgres://h/d?PASSWORD=abcd&%70assword=efgh&PassFile=x',
      'postgres://h/d?PASSWORD=***&%70assword=***&PassFile=***',
    ],
    ['postgres://h/d?host=x&mystery=abcd', 'postgres://h/d?host=x&***'],
    ['postgres://h/d?user=u&password=ab@cd', 'postgres://h/d?user=u&password=***'],
    ['https://to-ken@api.test/graphql', 'https://***@api.test/graphql'],
    ['https://svc:pw12@api.test/g?apikey=abcd', 'https://svc:***@api.test/g?apikey=***'],
    ['mongodb://u:pw12@h1,u2:pw34@h2/d', 'mongodb://u:***@h2/d'],
    ['sqlserver://h:1433;user=sa;password=pw12', 'sqlserver://h:1433;user=sa;password=***'],
    ['jdbc:db2://h:50000/d:user=u;password=pw12;', 'jdbc:db2://h:50000/***;password=***;'],
    ['jdbc:oracle:thin:u/pw@12@h:1521:x', 'jdbc:oracle:thin:u/***@***'],
    ['host=h dbname=postgres://u:pw12@h/d', 'host=h dbname=***'],
    ['host=h sslpassword=pw12 sslkey=/k passfile=/p', 'host=h sslpassword=*** sslkey=*** passfile=***'],
    ['host=h password=a;b dbname=cd', 'host=***'],
    ['host=h password=two words', 'host=***'],
    ["host=h password='open", 'host=***'],
    ["password='it\\'s' host=h", "password='***' host=h"],
    ['Server=h;Password=a"b;Custom Field=x', 'Server=h;Password=***;***'],
    ['jdbc:mysql://address=(host=h)(password=ab)/Wx;Yz)/shop', 'jdbc:mysql://address=(host=h)(password=***)/***'],
    ['app://pw12#rest@/shop', 'app://***'],
    ['app://pw12@tcp(h)/d', 'app:***@tcp(h)/d'],
    ['  postgres://u:pw12@h/d\n', '  postgres://u:***@h/d\n'],
  ])('%j', (dsn, masked) => {
    expect(maskDsn(dsn)).toBe(masked)
  })

  it.each([
    'hunter2',
    'my password is hunter2',
    'u:hunter2@h:3306/d',
    'scott/tiger@//h:1521/x',
    'scott/tiger@/x',
    'Server=h;Password="open',
    'Server=h;Password="a"b;',
    'Server=h;Password="a"user=b;',
    'jdbc:unknown:hunter2',
    'jdbc:mysql://address=(host=h)(password=hunter2/d',
    ':=;',
  ])('%j is no connection string, so nothing of it stays', (text) => {
    expect(parseDsn(text)).toBeUndefined()
    expect(maskDsn(text)).toBe('***')
    expect(maskDsn(text, { hideTopology: true })).toBe('***')
  })

  it.each(shapes)('hideTopology leaves the scheme of %s', (_, shape) => {
    const scheme = /^(?:[a-z]+:\/\/|jdbc:oracle:thin:|jdbc:[a-z]+:\/\/)?/.exec(shape(''))?.[0]
    expect(maskDsn(shape(SECRET), { hideTopology: true })).toBe(`${scheme}***`)
  })

  it('says which spans are credentials', () => {
    const dsn = 'postgres://u:pw12@h/d?password=pw34&mystery=x'
    const found = parseDsn(dsn)
    expect(found).toMatchObject({ kind: 'url', scheme: 'postgres://' })
    const passwords = found?.spans.filter(({ role }) => role === 'password').map((s) => dsn.slice(s.start, s.end))
    expect(passwords).toEqual(['pw12', 'pw34'])
  })
})

const ENCODINGS: readonly ((secret: string) => string)[] = [
  (s) => s,
  encodeURIComponent,
  (s) => encodeURIComponent(s).toLowerCase(),
  (s) => s.replaceAll("'", "\\'"),
  (s) => s.replaceAll('"', '""'),
  (s) => Buffer.from(s).toString('base64'),
  (s) => Buffer.from(s).toString('base64url'),
]

/** Letters and digits that no shape uses, and every character that some dialect gives a meaning. */
const character = fc.constantFrom(...'ZXQJKWVYZXQJKWVY3579', ...'@:/?#&;=%\'"{}()[]\\ +$,<>|^~!`é🔑')
const secret = fc.array(character, { minLength: 4, maxLength: 30 }).map((characters) => characters.join(''))

describe('SO-3 properties', () => {
  it.each(shapes)(
    'no four characters of a secret are left of %s, in any encoding, and masking is idempotent',
    (_, shape) => {
      const harmless = `${shape('')}${maskDsn(shape('Plain123'))}`
      fc.assert(
        fc.property(secret, (value) => {
          const masked = maskDsn(shape(value))
          expect(maskDsn(masked)).toBe(masked)
          for (const encode of ENCODINGS) {
            const encoded = encode(value)
            for (let i = 0; i + 4 <= encoded.length; i++) {
              const window = encoded.slice(i, i + 4)
              // Four separators in a row are no part of anybody's secret that is worth having.
              const leaks = masked.includes(window) && !harmless.includes(window) && /[a-z\d]/i.test(window)
              if (leaks) expect(masked).not.toContain(window)
            }
          }
        }),
        { numRuns: 400, seed: 7 },
      )
    },
  )

  it('the mask says nothing about the length of the secret', () => {
    for (const [, shape] of shapes) expect(maskDsn(shape('A1b2'))).toBe(maskDsn(shape('A1b2'.repeat(40))))
  })

  it('never throws, never grows without bound, and stays the same when masked again', () => {
    const piece = fc.constantFrom(
      ...['jdbc:', 'mysql:', '//', '://', 'oracle:thin:', 'address=', '@tcp(', ')/', 'password', 'host', '***'],
      ...'@:/?#&;=%\'"{}()[], \n*$aZ9\\🔑\ud800',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.boolean(), (pieces, hideTopology) => {
        const masked = maskDsn(pieces.join(''), { hideTopology })
        expect(maskDsn(masked, { hideTopology })).toBe(masked)
      }),
      { numRuns: 20_000, seed: 7 },
    )
  })

  it('64 KB of anything take linear time', () => {
    const units = ['a', '@', ':', '/', '=', ';', ',', '(', ')', '&', '?', '{', '"', "'", '\\', ' ', '%', '[', '*']
    const phrases = [
      'a://b:',
      'a=b;',
      'a=b ',
      'host=a ',
      '(a=b)',
      ',a=',
      '),',
      '@(',
      '@address=(',
      '://',
      '{}',
      '"";',
      '***&',
    ]
    const timeOf = (text: string) => {
      const begin = performance.now()
      maskDsn(text)
      return performance.now() - begin
    }
    let slowest = 0
    for (const unit of [...units, ...phrases]) {
      const text = unit.repeat(65536 / unit.length)
      for (const before of [
        '',
        'postgres://',
        'postgres://u:',
        'jdbc:mysql://',
        'jdbc:mysql://(',
        'jdbc:sqlserver://h;a=',
      ]) {
        let ms = timeOf(before + text)
        // A busy machine holds a process up now and then, not each time.
        for (let again = 0; again < 3 && ms >= 500; again++) ms = Math.min(ms, timeOf(before + text))
        slowest = Math.max(slowest, ms)
      }
    }
    expect(slowest).toBeLessThan(500)
  })
})
