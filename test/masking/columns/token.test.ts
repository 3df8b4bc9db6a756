import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteSink } from '../../../src/masking/columns/byte-sink.js'
import { compileMask } from '../../../src/masking/columns/compile-mask.js'
import { KeyedHash } from '../../../src/masking/columns/keyed-hash.js'
import { maskColumn } from '../../../src/masking/columns/mask-column.js'
import { ValueCache } from '../../../src/masking/columns/value-cache.js'
import { apply, mask } from './apply.js'

describe('KeyedHash', () => {
  it('agrees with createHmac for any key and value', () => {
    const bytes = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength })
    fc.assert(
      fc.property(bytes(200), bytes(700), fc.nat(5), (key, value, offset) => {
        const padded = Buffer.concat([Buffer.alloc(offset, 1), value, Buffer.alloc(3, 2)])
        const expected = createHmac('sha256', key).update(value).digest('binary')
        expect(new KeyedHash(key).digest(padded, offset, offset + value.length)).toBe(expected)
      }),
      { numRuns: 500, seed: 7 },
    )
  })

  it('agrees for long values and keeps its state between values of any length', () => {
    const hash = new KeyedHash(Buffer.from('key'))
    for (const size of [0, 1, 96, 97, 255, 256, 16_384, 16_385, 100_000, 5, 300, 0]) {
      const value = Buffer.alloc(size, `v${size}`)
      expect(hash.digest(value, 0, size)).toBe(createHmac('sha256', 'key').update(value).digest('binary'))
    }
  })
})

describe('ValueCache', () => {
  const store = (cache: ValueCache, value: string, result: string) => {
    const data = Buffer.from(value)
    const out = new ByteSink(8)
    if (cache.lookup(data, 0, data.length, out)) return false
    out.append(Buffer.from(result), 0, result.length)
    cache.remember(data, 0, data.length, out)
    return true
  }
  const find = (cache: ValueCache, value: string) => {
    const data = Buffer.from(value)
    const out = new ByteSink(8)
    return cache.lookup(data, 0, data.length, out) ? Buffer.from(out.bytes.subarray(0, out.length)).toString() : null
  }

  it('tells values with the same FNV-1a hash apart', () => {
    const cache = new ValueCache(2)
    expect(store(cache, 'declinate', 'aa')).toBe(true)
    expect(store(cache, 'macallums', 'bb')).toBe(true)
    expect(store(cache, 'costarring', 'cc')).toBe(true)
    expect(store(cache, 'liquid', 'dd')).toBe(true)
    const found = ['declinate', 'macallums', 'costarring', 'liquid'].map((value) => find(cache, value))
    expect(found).toEqual(['aa', 'bb', 'cc', 'dd'])
  })

  it('remembers values of up to 48 bytes, the empty one included', () => {
    const cache = new ValueCache(2)
    for (const size of [0, 1, 48, 49, 300]) store(cache, 'x'.repeat(size), 'rr')
    expect([0, 1, 48, 49, 300].map((size) => find(cache, 'x'.repeat(size)))).toEqual(['rr', 'rr', 'rr', null, null])
  })
})

describe('tokenize and hash', () => {
  it('give base64url of 128 and 256 bits that depend on nothing but key, rule, scope and value', () => {
    const token = apply(mask('tokenize'), 'alice') as string
    expect(token).toMatch(/^[\w-]{22}$/)
    expect(apply(mask('hash'), 'alice')).toMatch(/^[\w-]{43}$/)
    expect(apply(mask('hash'), 'alice')?.slice(0, 20)).not.toBe(token.slice(0, 20))
    expect(apply(mask('tokenize'), 'alice')).toBe(token)
    expect(apply(mask('tokenize', 'int64'), '12')).toBe(apply(mask('tokenize', 'int16'), '12'))
  })

  it('are the HMAC that the docs describe, so tokens stay the same across versions', () => {
    const labels = ['airlock.mask.v1', 'tokenize', 'column', 't', 'c'].map((label) => `${label.length}:${label}`)
    const key = createHmac('sha256', 'a mask key for tests').update(labels.join('')).digest()
    const expected = createHmac('sha256', key).update('alice').digest().subarray(0, 16).toString('base64url')
    expect(apply(mask('tokenize'), 'alice')).toBe(expected)
  })

  it('separates keys, columns and tables, and joins columns of one domain', () => {
    const token = (options: object) => maskColumn('tokenize', 'v', { key: 'k1', column: 'c', ...options })
    const all = [
      token({}),
      token({ key: 'k2' }),
      token({ column: 'd' }),
      token({ table: 't' }),
      token({ domain: 'person' }),
      token({ domain: 'c' }),
    ]
    expect(new Set(all).size).toBe(all.length)
    expect(token({ domain: 'person', column: 'x', table: 'y' })).toBe(all[4])
  })

  it('take the key as text, as bytes or from anything that reveals it', () => {
    const token = (key: string | Uint8Array | { reveal(): string }) => maskColumn('hash', 'v', { key, column: 'c' })
    expect(token(Buffer.from('kü'))).toBe(token('kü'))
    expect(token({ reveal: () => 'kü' })).toBe(token('kü'))
  })

  it('give the same with and without the value cache, for any mix of new and repeated values', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 }), (values) => {
        const warm = mask('tokenize')
        for (const value of values) {
          expect(apply(warm, `value ${value % 97}`)).toBe(apply(mask('tokenize'), `value ${value % 97}`))
        }
      }),
      { numRuns: 5, seed: 7 },
    )
  })

  it('stay right when the cache rests, wakes and overwrites its slots', () => {
    const compiled = compileMask('tokenize', { key: 'k', column: 'c' })
    const key = compileMask('tokenize', { key: 'k', column: 'c' })
    const out = new ByteSink(64)
    const read = (of: typeof compiled, text: string) => {
      out.length = 0
      const data = Buffer.from(text)
      of.apply(data, 0, data.length, out)
      return Buffer.from(out.bytes.subarray(0, out.length)).toString('latin1')
    }
    for (let i = 0; i < 90_000; i++) read(compiled, `distinct ${i}`)
    for (let i = 0; i < 3_000; i++) expect(read(compiled, `again ${i % 500}`)).toBe(read(key, `again ${i % 500}`))
    for (const size of [47, 48, 49, 300]) {
      const text = 'x'.repeat(size)
      expect(read(compiled, text)).toBe(read(compiled, text))
      expect(read(compiled, text)).toBe(read(key, text))
    }
  })
})
