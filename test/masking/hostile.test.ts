import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/masking/index.js'
import { KeyJudge } from '../../src/masking/keys.js'
import { buildMatcher } from '../../src/masking/matcher.js'
import { Pass } from '../../src/masking/pass.js'
import { allRules } from '../../src/masking/rules/all.js'
import { Scan } from '../../src/masking/scan.js'

const SIZE = 65_536
/** Reads per character that a rule may need at worst; the look-behind of `@tcp(` needs most. */
const READS_PER_CHARACTER = 130
/** The goal is 20 ms on an idle machine; a shared one gets ten times that before the test fails. */
const MOST_MS = 200

const REPEATED: readonly string[] = [
  ...[
    'a',
    'a://b:',
    'postgres://b:1/?a=',
    'a://b:1/',
    'postgres://u:p',
    '@',
    '=',
    ':',
    '"',
    "'",
    '\\',
    '\n',
    ' ',
    '\x1b[',
    '\x1b[31m',
  ],
  ...[
    'eyJ',
    'eyJaaaaaaa.',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\n',
    'ghp_aaaa',
    'AKIAAAAAAA',
    'abcdef01',
  ],
  ...[
    'password',
    'password=',
    'password: ',
    'password="',
    '"password":"',
    'password=\\',
    'password={[',
    'password   ',
    'password:\n',
  ],
  ...[
    'password=a&',
    'password=a;b',
    'password=)',
    'password=,',
    'password: a ',
    'password: |\n  ',
    'password $a$',
    '<password>',
    '"a":{',
  ],
  ...[
    'token_',
    'token ',
    'key ',
    'bearer a',
    'authorization: bearer ',
    'basic YTpi',
    'Cookie: ',
    '&key=',
    '%3D',
    '--password ',
    '$2b$',
  ],
  ...[
    'mysql ',
    'mysql -p',
    'curl -u a',
    ':5432:a:b',
    'a:b@tcp(',
    'a:@/',
    'identified by ',
    'identified with ',
    "' replace ",
  ],
  ...['set password for a ', 'machine a login b password '],
]

/** How often the rules read a unit of a text. */
function readsFor(text: string): number {
  const original = Scan.prototype.at
  let reads = 0
  Scan.prototype.at = function (this: Scan, position: number) {
    reads++
    return original.call(this, position)
  }
  try {
    new Pass(buildMatcher(allRules(new KeyJudge(), false), []), () => undefined).end(text)
  } finally {
    Scan.prototype.at = original
  }
  return reads
}

describe('hostile text', () => {
  it.each(REPEATED.map((part) => [JSON.stringify(part), part] as const))(
    'costs work in proportion to its length: %s',
    (_name, part) => {
      const text = part.repeat(Math.ceil(SIZE / part.length)).slice(0, SIZE)
      const whole = readsFor(text)
      const half = readsFor(text.slice(0, SIZE / 2))
      expect(whole).toBeLessThan(READS_PER_CHARACTER * SIZE)
      expect(whole).toBeLessThan(2.3 * half + SIZE)
    },
  )

  it('is masked in milliseconds', () => {
    const masker = createMasker({ secrets: ['registered-secret-1', 'aaaaaaaaaaaaaaaaaaaaaaab'] })
    masker.text('warm')
    for (const part of REPEATED) {
      const text = part.repeat(Math.ceil(SIZE / part.length)).slice(0, SIZE)
      const started = performance.now()
      masker.text(text)
      expect(performance.now() - started).toBeLessThan(MOST_MS)
    }
  })

  it('is no slower in pieces: each character is looked at a bounded number of times', () => {
    const masker = createMasker()
    for (const part of REPEATED) {
      const text = part.repeat(Math.ceil(8192 / part.length)).slice(0, 8192)
      const chunks = masker.chunks()
      const started = performance.now()
      let out = ''
      for (const character of text) out += chunks.write(character)
      expect(out + chunks.end()).toBe(masker.text(text))
      expect(performance.now() - started).toBeLessThan(2000)
    }
  })
})
