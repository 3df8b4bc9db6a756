import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createMasker, Secret } from '../../src/masking/index.js'

const masker = createMasker({
  secrets: ['registered-value-1', '12345678901'],
  secretPaths: ['/auth/pin', '/rows/*/note', '/headers'],
})

describe('value', () => {
  it('masks by key at any depth and keeps the rest', () => {
    expect(masker.value({ a: [{ apiKey: 'k', n: 1, ok: true, none: null }], tokens: 12, token: 12 })).toEqual({
      a: [{ apiKey: '***', n: 1, ok: true, none: null }],
      tokens: 12,
      token: '***',
    })
  })

  it('masks everything below a secret key but truth values, null and placeholders', () => {
    expect(masker.value({ secret: { a: 'x', b: [1, 'y'], c: true, d: null, e: '', f: '${VAR}' } })).toEqual({
      secret: { a: '***', b: ['***', '***'], c: true, d: null, e: '', f: '${VAR}' },
    })
  })

  it('masks what the pointers declare, from the root and with wildcards', () => {
    const value = {
      auth: { pin: 1, x: 2 },
      rows: [{ note: 'a', id: 1 }],
      headers: { accept: 'x' },
      deep: { auth: { pin: 1 } },
    }
    expect(masker.value(value)).toEqual({
      auth: { pin: '***', x: 2 },
      rows: [{ note: '***', id: 1 }],
      headers: { accept: '***' },
      deep: { auth: { pin: 1 } },
    })
  })

  it('reads pointers as RFC 6901 does', () => {
    const pointed = createMasker({ secretPaths: ['/a~1b/m~0n'] })
    expect(pointed.value({ 'a/b': { 'm~n': 'x', mn: 'y' } })).toEqual({ 'a/b': { 'm~n': '***', mn: 'y' } })
  })

  it('masks registered values in strings, keys, numbers and bytes', () => {
    expect(masker.value({ 'registered-value-1': 1, s: 'a registered-value-1 b', n: 12345678901 })).toEqual({
      '***': 1,
      s: 'a *** b',
      n: '***',
    })
    expect(masker.value([Buffer.from('registered-value-1'), Buffer.from('registered-value-1', 'utf16le')])).toEqual([
      '***',
      '***',
    ])
    expect(masker.value({ b: Buffer.from('clean'), password: new Uint8Array([1, 2]) })).toEqual({
      b: Buffer.from('clean'),
      password: '***',
    })
  })

  it('keeps keys apart that mask to the same', () => {
    const two = createMasker({ secrets: ['first-value-1', 'second-value-2'] })
    expect(Object.keys(two.value({ 'first-value-1': 1, 'second-value-2': 2 }) as object)).toEqual(['***', '***~2'])
  })

  it('copies Map, Set, Date, URL and Headers', () => {
    const date = new Date(0)
    const masked = masker.value({
      map: new Map<unknown, unknown>([
        ['password', 'x'],
        ['n', 'registered-value-1'],
      ]),
      set: new Set(['registered-value-1', 1]),
      date,
      url: new URL('https://u:pw@h.test/x?token=abc'),
      requestHeaders: new Headers({ authorization: 'Bearer x', accept: 'y' }),
    }) as Record<string, unknown>
    expect(masked['map']).toEqual(
      new Map<unknown, unknown>([
        ['password', '***'],
        ['n', '***'],
      ]),
    )
    expect(masked['set']).toEqual(new Set(['***', 1]))
    expect(masked['date']).toEqual(date)
    expect(masked['url']).toBe('https://u:***@h.test/x?token=***')
    expect(masked['requestHeaders']).toEqual({ accept: 'y', authorization: '***' })
  })

  it('calls no getter, touches no proxy, ends at cycles and depth', () => {
    let called = 0
    const cyclic: Record<string, unknown> = {
      get trap() {
        called++
        return 'registered-value-1'
      },
      proxy: new Proxy(
        {},
        {
          ownKeys: () => {
            called++
            return []
          },
        },
      ),
    }
    cyclic['self'] = cyclic
    let deep: unknown = 'registered-value-1'
    for (let i = 0; i < 500; i++) deep = { deep }
    expect(masker.value(cyclic)).toEqual({ trap: '[getter]', proxy: '***', self: '[circular]' })
    expect(JSON.stringify(masker.value(deep))).not.toContain('registered')
    expect(called).toBe(0)
  })

  it('turns instances into their own data or what they say as JSON', () => {
    class Connection {
      readonly #hidden = 'registered-value-1'
      readonly password = 'x'
      readonly host = 'h'
      get hidden() {
        return this.#hidden
      }
    }
    expect(masker.value(new Connection())).toEqual({ password: '***', host: 'h' })
    expect(masker.value({ toJSON: () => ({ note: 'registered-value-1' }) })).toEqual({ note: '***' })
    expect(
      masker.value({
        toJSON() {
          throw new Error('registered-value-1')
        },
      }),
    ).toBe('***')
    expect(masker.value({ s: new Secret('registered-value-1', 'x') })).toEqual({ s: '***' })
    expect(masker.value(new String('registered-value-1'))).toBe('***')
  })

  it('reads lists of arguments, of header lines, and of names and values', () => {
    expect(masker.value({ argv: ['mysql', '-h', 'db', '-pabc1', 'shop'] })).toEqual({
      argv: ['mysql', '-h', 'db', '-p***', 'shop'],
    })
    expect(masker.value({ raw: ['Authorization', 'Bearer x', 'Accept', 'y'] })).toEqual({
      raw: ['Authorization', '***', 'Accept', 'y'],
    })
    expect(masker.value([{ name: 'DB_PASSWORD', value: 'x' }])).toEqual([{ name: 'DB_PASSWORD', value: '***' }])
  })

  it('shows of an error its known code and nothing else', () => {
    const error = Object.assign(new Error('duplicate alice@example.test'), {
      code: '23505',
      detail: 'alice@example.test',
    })
    const masked = masker.value({ error })
    expect(inspect(masked, { depth: 9 })).toContain('23505')
    expect(inspect(masked, { depth: 9 })).not.toContain('alice')
  })

  it('does not change what it was given, and copes with __proto__', () => {
    const input = JSON.parse('{"__proto__":{"password":"x"},"password":"y"}') as object
    const before = JSON.stringify(input)
    expect(JSON.stringify(masker.value(input))).toBe('{"__proto__":{"password":"***"},"password":"***"}')
    expect(JSON.stringify(input)).toBe(before)
  })
})
