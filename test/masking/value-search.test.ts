import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formsOf } from '../../src/masking/encodings.js'
import { createMasker } from '../../src/masking/index.js'

const SECRET = 'sEcr3t-pässwörd/9f8e&7d'
const masker = createMasker({ secrets: [SECRET, 'Pw12'] })

function finds(text: string | Buffer, sizes: readonly number[] = [65_536]): boolean {
  const bytes = Buffer.from(text as string)
  const search = masker.search()
  let at = 0
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length]!
    search.write(bytes.subarray(at, at + size))
    at += size
  }
  return search.end()
}

describe('a search for registered values', () => {
  it('finds each form of a value, at the beginning, in the middle and at the end', () => {
    for (const { text, alternative } of formsOf(SECRET, false)) {
      for (const written of [text, alternative]) {
        expect(finds(written), written).toBe(true)
        expect(finds(`some rows, ${written} and more`), written).toBe(true)
        expect(finds(`some rows, ${written}`, [3]), written).toBe(true)
      }
    }
  })

  it('finds a value however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        fc.string({ maxLength: 300 }),
        fc.string(),
        (sizes, before, after) => finds(`${before} ${SECRET} ${after}`, sizes),
      ),
    )
  })

  it('finds nothing where there is none, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => !finds(Buffer.from(bytes), [7])))
    expect(finds('password=hunter22 Authorization: Bearer abcdefghijkl')).toBe(false)
    expect(finds(SECRET.slice(0, -1))).toBe(false)
    expect(finds(SECRET.toUpperCase())).toBe(false)
  })

  it('finds one that is longer than what is kept between two pieces', () => {
    const long = createMasker({ secrets: [`${'abc'.repeat(40)}END`] })
    const search = long.search()
    for (const byte of Buffer.from(`x ${'abc'.repeat(60)}END y`)) search.write(Buffer.of(byte))
    expect(search.end()).toBe(true)
  })

  it.each([
    ['Pw12', true],
    ['x Pw12 y', true],
    ['"Pw12"', true],
    ['a\\nPw12', true],
    ['a%20Pw12', true],
    ['xPw12', false],
    ['Pw123', false],
    ['Pw12_', false],
  ])('takes a short value as a whole word only: %s', (text, expected) => {
    for (const size of [1, 2, 3, 100]) expect(finds(text, [size])).toBe(expected)
  })

  it('knows no value that was registered after it began, and every one before', () => {
    const late = createMasker()
    const before = late.search()
    late.add(SECRET)
    expect(before.write(Buffer.from(SECRET)) || before.end()).toBe(false)
    const after = late.search()
    expect(after.write(Buffer.from(SECRET)) || after.end()).toBe(true)
    expect(late.text(`x ${SECRET} y`)).toBe('x *** y')
  })
})
