import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ff1 } from '../../../src/masking/columns/ff1.js'
import { apply, mask, thrown } from './apply.js'

const KEY128 = '2B7E151628AED2A6ABF7158809CF4F3C'
const KEY192 = `${KEY128}EF4359D8D580AA4F`
const KEY256 = `${KEY192}7F036D6F04FC6A94`
const TWEAK = '39383736353433323130'
const TWEAK36 = '3737373770717273373737'
const TEXT36 = '0123456789abcdefghi'

function encrypt(key: string, tweak: string, radix: number, text: string): string {
  const ff1 = new Ff1(Buffer.from(key, 'hex'), radix, Buffer.from(tweak, 'hex'))
  const number = (digits: string) =>
    [...digits].reduce((sum, digit) => sum * BigInt(radix) + BigInt(Number.parseInt(digit, radix)), 0n)
  const half = Math.floor(text.length / 2)
  const { high, low } = ff1.encrypt(number(text.slice(0, half)), number(text.slice(half)), text.length)
  return high.toString(radix).padStart(half, '0') + low.toString(radix).padStart(text.length - half, '0')
}

describe('FF1', () => {
  it.each([
    [1, KEY128, '', 10, '0123456789', '2433477484'],
    [2, KEY128, TWEAK, 10, '0123456789', '6124200773'],
    [3, KEY128, TWEAK36, 36, TEXT36, 'a9tv40mll9kdu509eum'],
    [4, KEY192, '', 10, '0123456789', '2830668132'],
    [5, KEY192, TWEAK, 10, '0123456789', '2496655549'],
    [6, KEY192, TWEAK36, 36, TEXT36, 'xbj3kv35jrawxv32ysr'],
    [7, KEY256, '', 10, '0123456789', '6657667009'],
    [8, KEY256, TWEAK, 10, '0123456789', '1001623463'],
    [9, KEY256, TWEAK36, 36, TEXT36, 'xs8a0azh2avyalyzuwd'],
  ])('NIST sample %i', (_, key, tweak, radix, text, expected) => {
    expect(encrypt(key, tweak, radix, text)).toBe(expected)
  })

  it('is one-to-one over a whole small domain', () => {
    const ff1 = new Ff1(Buffer.from(KEY256, 'hex'), 2)
    const seen = new Set<number>()
    for (let i = 0; i < 4096; i++) {
      const { high, low } = ff1.encrypt(BigInt(i >> 6), BigInt(i & 63), 12)
      seen.add(Number((high << 6n) | low))
    }
    expect(seen.size).toBe(4096)
    expect(Math.max(...seen)).toBe(4095)
  })
})

describe('fpe', () => {
  it('keeps length and punctuation of a text and changes its digits', () => {
    const masked = apply(mask('fpe'), '+41 (79) 123-45.67') as string
    expect(masked).toMatch(/^\+\d\d \(\d\d\) \d{3}-\d\d\.\d\d$/)
    expect(masked).not.toBe('+41 (79) 123-45.67')
    expect(apply(mask('fpe'), '+41 (79) 123-45.67')).toBe(masked)
    expect(apply(mask('fpe', 'text', { key: 'another' }), '+41 (79) 123-45.67')).not.toBe(masked)
    expect(apply(mask('fpe', 'text', { domain: 'phone' }), '+41 (79) 123-45.67')).not.toBe(masked)
  })

  it('keeps distinct values distinct, and the type of the column', () => {
    for (const type of ['text', 'int32', 'int64', 'uint64']) {
      const compiled = mask('fpe', type)
      expect(compiled).toMatchObject({ output: 'same', oneToOne: true, keyed: true })
      const results = Array.from({ length: 3000 }, (_, i) => apply(compiled, String(100_000 + i)))
      expect(new Set(results).size).toBe(3000)
    }
  })

  it('stays in the range of integer types and keeps the sign', () => {
    const ranges: readonly (readonly [string, bigint, bigint])[] = [
      ['int32', -(2n ** 31n), 2n ** 31n - 1n],
      ['int64', -(2n ** 63n), 2n ** 63n - 1n],
      ['uint64', 0n, 2n ** 64n - 1n],
    ]
    for (const [type, min, max] of ranges) {
      const compiled = mask('fpe', type)
      const values = fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n))
      fc.assert(
        fc.property(values, (value) => {
          const masked = BigInt(apply(compiled, String(value)) as string)
          expect(masked >= min && masked <= max).toBe(true)
          expect(masked < 0n).toBe(value < 0n)
        }),
        { numRuns: 200, seed: 7 },
      )
    }
  })

  it('gives uuids for uuids', () => {
    const uuid = '6f1c2a3b-4d5e-4f60-8a9b-0c1d2e3f4a5b'
    const masked = apply(mask('fpe', 'uuid'), uuid)
    expect(masked).toMatch(/^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/)
    expect(masked).not.toBe(uuid)
  })

  it.each([
    ['text', ''],
    ['text', '12345'],
    ['text', '1-2-3-4-5'],
    ['text', 'AB123456'],
    ['text', '１２３４５６７'],
    ['text', '1'.repeat(129)],
    ['text', '1'.repeat(300_000)],
    ['int32', '2147483648'],
    ['uint64', '-1'],
    ['uuid', '6f1c2a3b-4d5e-4f60-8a9b'],
  ])('stops at a %s that does not fit', (type, value) => {
    expect(thrown(() => apply(mask('fpe', type), value))).toMatchObject({ code: 'MASK_FAILED' })
  })
})
