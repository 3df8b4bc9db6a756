import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AirlockError } from '../../../src/errors/index.js'
import { parseConnectionUrl, URL_PROBLEMS, type UrlProblem } from '../../../src/masking/dsn/index.js'

const SCHEMES = ['postgres', 'postgresql']
const parse = (dsn: string) => parseConnectionUrl(dsn, { schemes: SCHEMES })

function problemOf(dsn: string, schemes = SCHEMES): UrlProblem | undefined {
  try {
    parseConnectionUrl(dsn, { schemes })
  } catch (error) {
    if (!(error instanceof AirlockError) || error.code !== 'DSN_REFUSED') throw error
    return (Object.keys(URL_PROBLEMS) as UrlProblem[]).find((name) => error.message.includes(URL_PROBLEMS[name]))
  }
  return undefined
}

const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
const PASSWORDS = ['p@ss', 'p@ss@127.0.0.1', 'p:ss', 'p ss', 'pässwörd🔑', 'p[x]', `'"`, '\\', ';', '+']
const AMBIGUOUS = ['p/ss', 'p?ss', 'p#ss', '12/ab', '12?ab', '12#ab', '/', '?', '#', 'a/b?c#d', '5432/x@y']

describe('what a connection URL says', () => {
  it('is taken apart into decoded fields', () => {
    expect(
      parse('postgresql://app%40corp:p%2Fs%20%F0%9F%94%91@db.example.test:6543/my%2Fdb?sslmode=verify-full'),
    ).toEqual({
      hosts: [{ host: 'db.example.test', port: 6543 }],
      host: 'db.example.test',
      port: 6543,
      user: 'app@corp',
      password: 'p/s 🔑',
      database: 'my/db',
      params: { sslmode: 'verify-full' },
    })
  })

  it('leaves out what is not written', () => {
    expect(parse('postgres://h')).toEqual({ hosts: [{ host: 'h' }], host: 'h', params: {} })
    expect(parse('POSTGRES://u@h/?')).toEqual({ hosts: [{ host: 'h' }], host: 'h', user: 'u', params: {} })
  })

  it('reads IPv4, IPv6, service names and socket paths', () => {
    expect(parse('postgres://127.0.0.1:1/d').host).toBe('127.0.0.1')
    expect(parse('postgres://[::1]:5432/d')).toMatchObject({ host: '::1', port: 5432 })
    expect(parse('postgres://[fe80::1:2]/d')).toMatchObject({ host: 'fe80::1:2' })
    expect(parse('postgres://my_service/d').host).toBe('my_service')
    const socket = parse('postgres://u:p@%2Fvar%2Frun%2Fpostgresql/d')
    expect(socket).toMatchObject({ socketPath: '/var/run/postgresql', user: 'u' })
    expect(socket.host).toBeUndefined()
  })

  it('names several hosts only where the caller allows them', () => {
    const dsn = 'postgres://u:p@h1:1,[::1],h3:3/d'
    expect(problemOf(dsn)).toBe('severalHosts')
    const url = parseConnectionUrl(dsn, { schemes: SCHEMES, allowSeveralHosts: true })
    expect(url.hosts).toEqual([{ host: 'h1', port: 1 }, { host: '::1' }, { host: 'h3', port: 3 }])
    expect(url).toMatchObject({ host: 'h1', port: 1 })
  })

  it('carries the parameters of hosted databases', () => {
    const query = 'sslmode=require&channel_binding=require&application_name=my%20app&connect_timeout=10&pgbouncer=true'
    expect(parse(`postgres://u:p@h/d?${query}`).params).toEqual({
      sslmode: 'require',
      channel_binding: 'require',
      application_name: 'my app',
      connect_timeout: '10',
      pgbouncer: 'true',
    })
    const mysql = parseConnectionUrl('mysql://u:p@h/d?ssl-mode=REQUIRED', { schemes: ['mysql'] })
    expect(mysql.params).toEqual({ 'ssl-mode': 'REQUIRED' })
  })
})

describe('passwords', () => {
  it.each(PASSWORDS)('raw %j is taken as written', (password) => {
    expect(parse(`postgres://u:${password}@127.0.0.1:5432/d`)).toMatchObject({ password, host: '127.0.0.1', user: 'u' })
  })

  it.each(AMBIGUOUS)('raw %j is refused', (password) => {
    expect(problemOf(`postgres://u:${password}@127.0.0.1:5432/d`)).toBe('reserved')
  })

  it.each([...PASSWORDS, ...AMBIGUOUS, 'p%ss', 'p%41s', 'p%2Fs', '100%'])('encoded %j round-trips', (password) => {
    const url = parse(`postgres://${encodeURIComponent(password)}:${encodeURIComponent(password)}@h/d`)
    expect(url).toMatchObject({ user: password, password, host: 'h' })
  })

  it('every printable character, at either end and in the middle, is taken as written or refused', () => {
    for (const c of PRINTABLE) {
      for (const password of [`${c}ps`, `p${c}s`, `ps${c}`]) {
        const dsn = `postgres://u:${password}@h:1/d`
        if ('/?#'.includes(c)) expect(problemOf(dsn), c).toBe('reserved')
        else if (c === '%') expect(problemOf(dsn), c).toBe('percent')
        else expect(parse(dsn), c).toMatchObject({ user: 'u', password, host: 'h', port: 1 })
        expect(parse(`postgres://u:${encodeURIComponent(password)}@h:1/d`).password).toBe(password)
      }
    }
  })

  it('any text that is encoded round-trips', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((s) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(s))
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent)
        expect(parse(`postgres://${u}:${p}@h/${d}`)).toMatchObject({ user, password, database })
      }),
      { numRuns: 300, seed: 7 },
    )
  })
})

describe('refusals', () => {
  const REFUSED: Readonly<Record<UrlProblem, readonly string[]>> = {
    empty: ['', '   '],
    whitespace: [' postgres://u:p@h/d', 'postgres://u:p@h/d\n', 'postgres://u:p@h/d d', '\ufeffpostgres://u:p@h/d'],
    control: ['postgres://u:p\np@h/d', 'postgres://u:p%00@h/d', 'postgres://u:p%0A@h/d', 'postgres://u:\ud800@h/d'],
    jdbc: ['jdbc:postgresql://h/d?user=u&password=canary', 'JDBC:mysql://h/d'],
    keywords: ['host=h user=u password=canary', 'host = h', 'Server=h;Pwd=canary'],
    notUrl: ['canary', 'postgres:u:canary@h', 'u:canary@tcp(h)/d', '//u:canary@h/d', '1x://u:canary@h', '/run/pg d'],
    scheme: ['mysql://u:canary@h/d', 'mysqlx://u:canary@h/d', 'postgresql+psycopg2://u:canary@h/d', 'https://h'],
    percent: ['postgres://u:p%zz@h/d', 'postgres://u:p%@h/d', 'postgres://u:%ff@h/d', 'postgres://h/%c3%28'],
    mixed: ['postgres://u:p@%41s@h/d', 'postgres://u x%41:p@h/d', 'postgres://u:ä%41@h/d'],
    reserved: ['postgres://u:12/canary@h/d', 'postgres://h/d?application_name=a@b', 'postgres://u:c?d@h'],
    fragment: ['postgres://u:p@h/d#x', 'postgres://h#'],
    emptyUser: ['postgres://:canary@h/d', 'postgres://@h/d'],
    emptyPassword: ['postgres://u:@h/d'],
    noHost: ['postgres:///d', 'postgres://u:p@/d', 'postgres://u:p@:5432/d', 'postgres://'],
    host: [
      'postgres://u:p@h h/d',
      'postgres://u:p@-h/d',
      'postgres://u:p@h..x/d',
      'postgres://u:p@[::1%25eth0]/d',
      'postgres://u:p@[::g]/d',
      'postgres://u:p@::1/d',
      'postgres://u:p@2130706433/d',
      'postgres://u:p@0x7f000001/d',
      'postgres://u:p@300.1.1.1/d',
      'postgres://u:p@h%2Ex/d',
      'postgres://u:p@h\\x/d',
      `postgres://u:p@${'h'.repeat(254)}/d`,
    ],
    port: [0, 65536, '', '+1', '5432x', 'canary', '1e3', '05432'].map((port) => `postgres://u:p@h:${port}/d`),
    severalHosts: ['postgres://u:p@h1,h2/d'],
    database: ['postgres://u:p@h/d/e', 'postgres://u:p@h//d'],
    parameter: [
      ...['host=evil.example', 'hostaddr=1.2.3.4', 'port=9', 'user=EVIL', 'password=canary', 'dbname=x', 'ssl=true'],
      ...['ssl={"rejectUnauthorized":false}', 'uselibpqcompat=true', 'debug=true', 'multipleStatements=true'],
      ...[
        'socketPath=/x',
        'options=-c%20x',
        'passfile=/x',
        'service=x',
        'sslrootcert=/x',
        'sslkey=/x',
        'SSLMODE=require',
      ],
      ...[
        'flags=LOCAL_FILES',
        'unknown=1',
        'sslmode',
        '&',
        '=',
        '%70assword=canary',
        'connect_timeout=-1',
        '__proto__=x',
      ],
    ].map((query) => `postgres://u:p@h/d?${query}`),
    parameterTwice: ['postgres://u:p@h/d?sslmode=require&sslmode=verify-full'],
    tls: ['no-verify', 'disable', 'allow', 'prefer', '', 'Require'].map((mode) => `postgres://u:p@h/d?sslmode=${mode}`),
  }

  it.each(Object.entries(REFUSED).flatMap(([problem, dsns]) => dsns.map((dsn) => [problem, dsn] as const)))(
    '%s: %j',
    (problem, dsn) => {
      expect(problemOf(dsn)).toBe(problem)
    },
  )

  it('hold no part of the input, whatever it is', () => {
    const piece = fc.constantFrom(
      'canary7',
      '@',
      ':',
      '/',
      '?',
      '#',
      '%',
      '=',
      '&',
      '[',
      ']',
      ',',
      ' ',
      '\n',
      '://',
      '12',
    )
    const dsn = fc
      .array(piece, { maxLength: 20 })
      .map((pieces) => pieces.join(''))
      .chain((text) => fc.constantFrom(text, `postgres://${text}`, `mysql://${text}`, `postgres://u:${text}@h/d`))
    fc.assert(
      fc.property(dsn, (text) => {
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(AirlockError)
          const { message, stack, params, cause } = error as AirlockError & { params?: unknown; cause?: unknown }
          expect(`${message}${stack}${JSON.stringify(error)}${JSON.stringify(params)}`).not.toContain('canary7')
          expect(cause).toBeUndefined()
        }
      }),
      { numRuns: 2000, seed: 7 },
    )
  })

  it('come in linear time', () => {
    const hostile = ['a', '@', ':', '%', ',', '[', '=', '&', '?', 'a://b:', '%41', 'a@b:', '.', 'a.', ' ']
    const begin = performance.now()
    for (const unit of hostile) {
      const text = unit.repeat(65536 / unit.length)
      for (const dsn of [text, `postgres://${text}`, `postgres://u:${text}@h/d`, `postgres://h/d?${text}`])
        problemOf(dsn)
    }
    expect(performance.now() - begin).toBeLessThan(2000)
  })
})
