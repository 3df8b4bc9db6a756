import { describe, expect, it } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { createMasker } from '../../src/masking/index.js'
import { dump } from './error-dump.js'

const masker = createMasker()
const HIDDEN = 'canary-4417'

describe('error', () => {
  it('keeps a code only when a known table holds it', () => {
    expect(masker.error(Object.assign(new Error(HIDDEN), { code: '23505' }))).toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      origin: '23505',
    })
    for (const code of [HIDDEN, 'CANARY_4417', '4417A', 'ER_CANARY', 4417, { HIDDEN }]) {
      const error = masker.error(Object.assign(new Error(HIDDEN), { code }))
      expect(error.origin).toBeUndefined()
      expect(dump(error)).not.toMatch(/canary|4417A/i)
    }
  })

  it('finds a code in causes and aggregated errors, nearest first, and ends at cycles', () => {
    const inner = Object.assign(new Error(HIDDEN), { code: 'ECONNREFUSED' })
    const outer = new Error(HIDDEN, { cause: new AggregateError([new Error(HIDDEN), inner], HIDDEN) })
    Object.assign(inner, { cause: outer })
    expect(masker.error(outer)).toMatchObject({ code: 'CONNECT_REFUSED', origin: 'ECONNREFUSED' })
    let far: Error = inner
    for (let i = 0; i < 100; i++) far = new Error(HIDDEN, { cause: far })
    expect(masker.error(far).origin).toBeUndefined()
  })

  it('calls no getter and touches no proxy', () => {
    let called = 0
    const trapped = new Proxy(new Error(HIDDEN), {
      get: () => called++,
      getOwnPropertyDescriptor: () => {
        called++
        return undefined
      },
      getPrototypeOf: () => {
        called++
        return null
      },
    })
    const getters = Object.defineProperty(new Error(HIDDEN), 'code', {
      get: () => {
        called++
        return 'ECONNREFUSED'
      },
    })
    const errors = new Error(HIDDEN)
    Object.assign(errors, { cause: trapped, errors: new Proxy([], { get: () => called++ }) })
    for (const error of [trapped, getters, errors]) {
      expect(dump(masker.error(error))).not.toContain(HIDDEN)
    }
    expect(called).toBe(0)
  })

  it('copies no message, stack, cause, property or symbol of what was thrown', () => {
    class Canary4417Error extends Error {}
    const error = Object.assign(new Canary4417Error(HIDDEN, { cause: HIDDEN }), {
      sql: HIDDEN,
      [Symbol(HIDDEN)]: HIDDEN,
    })
    error.name = HIDDEN
    for (const thrown of [error, HIDDEN, 4417, null, undefined, { message: HIDDEN }, () => HIDDEN, Symbol(HIDDEN)]) {
      const made = masker.error(thrown, { phase: 'connect', ref: 'abc' })
      expect(made).toBeInstanceOf(AirlockError)
      expect(made).toMatchObject({ code: 'INTERNAL', phase: 'connect', ref: 'abc' })
      expect(dump(made)).not.toMatch(/canary-?4417(?!Error|\.|-layer)/i)
    }
  })

  it('returns an untouched AirlockError as it is, and remakes one that carries more', () => {
    const own = new AirlockError('AUTH_FAILED', { origin: '28P01' })
    expect(masker.error(own)).toBe(own)
    const loaded = Object.assign(new AirlockError('AUTH_FAILED', { origin: '28P01' }), { cause: new Error(HIDDEN) })
    const made = masker.error(loaded)
    expect(made).not.toBe(loaded)
    expect(made).toMatchObject({ code: 'AUTH_FAILED', origin: '28P01' })
    expect(dump(made)).not.toContain(HIDDEN)
  })

  it.each([
    ['ER_ACCESS_DENIED_ERROR', 'AUTH_FAILED'],
    ['ER_LOCK_DEADLOCK', 'DEADLOCK'],
    ['57014', 'STATEMENT_TIMEOUT'],
    ['42P01', 'TABLE_NOT_FOUND'],
    ['42601', 'SQL_INVALID'],
    ['22001', 'VALUE_REJECTED'],
    ['ENOTFOUND', 'HOST_NOT_FOUND'],
    ['CERT_HAS_EXPIRED', 'TLS_EXPIRED'],
    ['ER_VIEW_INVALID', 'QUERY_FAILED'],
    ['ERR_INVALID_URL', 'INTERNAL'],
  ] as const)('turns %s into %s when nothing else is known', (origin, code) => {
    expect(masker.error(Object.assign(new Error(HIDDEN), { code: origin }))).toMatchObject({ code, origin })
    expect(masker.error(Object.assign(new Error(HIDDEN), { code: origin }), { code: 'MASK_FAILED' })).toMatchObject({
      code: 'MASK_FAILED',
      origin,
    })
  })

  it('knows aborts and time-outs of the platform', () => {
    expect(masker.error(AbortSignal.abort().reason).code).toBe('ABORTED')
    expect(masker.error(new DOMException(HIDDEN, 'TimeoutError')).code).toBe('DEADLINE_EXCEEDED')
  })
})
