import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/masking/index.js'

const RUNS = Number(process.env['AIRLOCK_MASKING_RUNS'] ?? 400)
/** The same texts every time, so that a run says the same twice; another seed is one variable away. */
const SEED = Number(process.env['AIRLOCK_MASKING_SEED'] ?? 20_261_120)
const FRAGMENT = 8

const percentAll = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
const unicodeAll = (text: string) =>
  text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
const json = (text: string) => JSON.stringify(text).slice(1, -1)

/** Ways in which a secret gets written. The expected output holds none of the 8-character pieces of the written form. */
const ENCODINGS: Readonly<Record<string, (secret: string) => string>> = {
  raw: (secret) => secret,
  component: (secret) => encodeURIComponent(secret),
  'component, lower case': (secret) => encodeURIComponent(secret).replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
  form: (secret) => new URLSearchParams({ k: secret }).toString().slice(2),
  'percent twice': (secret) => encodeURIComponent(encodeURIComponent(secret)),
  'percent for every byte': percentAll,
  'json once': json,
  'json twice': (secret) => json(json(secret)),
  'json three times': (secret) => json(json(json(secret))),
  'unicode escapes': unicodeAll,
  xml: (secret) =>
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
  sql: (secret) => secret.replaceAll("'", "''"),
  shell: (secret) => secret.replaceAll("'", `'\\''`),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  'hex, upper case': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  bytes: (secret) => JSON.stringify([...Buffer.from(secret)]).slice(1, -1),
  'utf-16 hex': (secret) => Buffer.from(secret, 'utf16le').toString('hex'),
}
/** Base64 forms share a group with their surroundings at each end: up to three characters may stay there. */
const BASE64: Readonly<Record<string, (secret: string) => string>> = {
  'base64 at 0': (secret) => Buffer.from(secret).toString('base64'),
  'base64 at 1': (secret) => Buffer.from(`x${secret}y`).toString('base64'),
  'base64 at 2': (secret) => Buffer.from(`xy${secret}z`).toString('base64'),
  'base64url at 1': (secret) => Buffer.from(`x${secret}y`).toString('base64url'),
  'base64 of utf-16': (secret) => Buffer.from(secret, 'utf16le').toString('base64'),
}
const ALL = { ...ENCODINGS, ...BASE64 }

const secrets = fc
  .string({ unit: 'binary', minLength: 8, maxLength: 64 })
  .filter((secret) => secret === secret.trim() && secret.length >= 8 && !/^\*+$/.test(secret))
const contexts = fc.constantFrom(
  ['', ''],
  ['begin ', ' end'],
  ['{"a":"', '","n":1}'],
  ['(', ')'],
  ['password=', ' user=app'],
  ['\n', '\n'],
  ['x=', '&y=1'],
  ["'", "'"],
  ['я', 'ж'],
  ['postgres://app:', '@db.example.test/shop'],
  ['Authorization: Bearer ', '\r\nAccept: */*'],
)
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })

function pieces(text: string, sizes: readonly number[]): string[] {
  const out: string[] = []
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length]!
    out.push(text.slice(at, at + size))
    at += size
  }
  return out
}

function streamed(masker: ReturnType<typeof createMasker>, chunks: readonly (string | Uint8Array)[]): string {
  const stream = masker.chunks()
  return chunks.map((chunk) => stream.write(chunk)).join('') + stream.end()
}

/** Whether a piece of the written secret is in an output, apart from what the context itself holds. */
function leaks(output: string, written: string, around: string): boolean {
  for (let i = 0; i + FRAGMENT <= written.length; i++) {
    const piece = written.slice(i, i + FRAGMENT)
    if (output.includes(piece) && !around.includes(piece)) return true
  }
  return false
}

describe('registered values', () => {
  it.each(Object.entries(ALL))('leave no fragment of eight characters: %s', (_name, encode) => {
    fc.assert(
      fc.property(secrets, contexts, cuts, (secret, [before, after], sizes) => {
        fc.pre(isWellFormed(secret))
        const written = encode(secret)
        const text = before + written + after
        const masker = createMasker({ secrets: [secret] })
        const whole = masker.text(text)
        expect(leaks(whole, written, before + after)).toBe(false)
        expect(streamed(masker, pieces(text, sizes))).toBe(whole)
        expect(masker.text(whole)).toBe(whole)
      }),
      { numRuns: RUNS / 4, seed: SEED },
    )
  })

  it('are masked while they wait for the next automaton, too', () => {
    fc.assert(
      fc.property(secrets, fc.constantFrom(...Object.values(ALL)), (secret, encode) => {
        fc.pre(isWellFormed(secret))
        const masker = createMasker()
        masker.text('builds the automaton')
        masker.add(secret)
        const written = encode(secret)
        expect(leaks(masker.text(`begin ${written} end`), written, 'begin  end')).toBe(false)
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })

  it('of any Unicode, lone surrogates included, are masked in their raw form', () => {
    const units = fc.array(fc.integer({ min: 0x21, max: 0xffff }), { minLength: 8, maxLength: 40 })
    fc.assert(
      fc.property(units, (codes) => {
        const secret = String.fromCharCode(...codes)
        fc.pre(secret === secret.trim() && !/^\*+$/.test(secret))
        expect(createMasker({ secrets: [secret] }).text(`a ${secret} b`)).toBe('a *** b')
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })

  it('give a mask of the same length, whatever their own', () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        expect(createMasker({ secrets: [secret] }).text(`a ${secret} b`)).toHaveLength('a *** b'.length)
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })
})

/** Text made of what the rules look for, so that they meet each other. */
const fragments = fc.constantFrom(
  ...[
    'password',
    'token',
    '=',
    ':',
    ' ',
    '"',
    "'",
    '\\',
    '\\"',
    '\n',
    '://',
    'postgres',
    '@',
    '/',
    '?',
    '&',
    '#',
    ',',
    ';',
  ],
  ...[
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '<',
    '>',
    '***',
    'abc',
    'Zx9_pw',
    '123',
    'Bearer ',
    'eyJ',
    '.',
    '\n-----BEGIN PRIVATE KEY-----\n',
  ],
  ...[
    '\n-----END PRIVATE KEY-----\n',
    'ghp_FakeFake00FakeFake00',
    'mysql',
    ' -p',
    ' -u',
    'IDENTIFIED BY ',
    '$$',
    '\x1b[31m',
    '%3D',
    'é',
    '🔑',
  ],
  ...[
    '@tcp(',
    'user',
    ': |',
    '  ',
    '- ',
    'Cookie: ',
    'api_key',
    '--',
    '+Registered-secret-1',
    'short1',
    ':5432:',
    'machine ',
    'login ',
  ],
)
const texts = fc.array(fragments, { maxLength: 40 }).map((parts) => parts.join(''))

describe('any text', () => {
  const masker = createMasker({ secrets: ['+Registered-secret-1', 'short1', 'p@ss w:rd/7'] })

  it('is masked the same whole and in pieces', () => {
    fc.assert(
      fc.property(texts, cuts, (text, sizes) => {
        expect(streamed(masker, pieces(text, sizes))).toBe(masker.text(text))
      }),
      { numRuns: RUNS * 10, seed: SEED },
    )
  })

  it('is masked the same as bytes, cut anywhere in a character', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 7 }), (text, size) => {
        const bytes = Buffer.from(text)
        const chunks: Uint8Array[] = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
        expect(streamed(masker, chunks)).toBe(masker.text(bytes.toString()))
      }),
      { numRuns: RUNS * 2, seed: SEED },
    )
  })

  it('keeps its masks when it is masked again', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const once = masker.text(text)
        expect(masker.text(once)).toBe(once)
      }),
      { numRuns: RUNS * 10, seed: SEED },
    )
  })
})

function isWellFormed(text: string): boolean {
  return Buffer.from(text).toString() === text
}
