import { describe, expect, it } from 'vitest'
import { AirlockError } from '../../../src/errors/index.js'
import { compileMask } from '../../../src/masking/columns/compile-mask.js'
import { maskColumn } from '../../../src/masking/columns/mask-column.js'
import { apply, mask, thrown } from './apply.js'

const TYPES = 'boolean int16 int32 int64 uint64 decimal float32 float64 text bytes date time timestamp timestamptz'
  .split(' ')
  .concat('interval uuid json bit array'.split(' '))

describe('the fixed rules', () => {
  it('redact and null serve every type', () => {
    for (const type of TYPES) {
      expect(apply(mask('redact', type), '2024-05-06')).toBe('***')
      expect(apply(mask('null', type), '2024-05-06')).toBeNull()
    }
  })

  it.each([
    ['text', ''],
    ['text', 'größe: x'],
    ['bytes', 'abc'],
    ['boolean', 't'],
    ['int16', '-32768'],
    ['int32', '2147483647'],
    ['int64', '-9223372036854775808'],
    ['uint64', '18446744073709551615'],
    ['decimal', '-12.50'],
    ['float64', '1e+21'],
    ['date', '2000-01-31'],
    ['time', '23:59:59.5'],
    ['timestamp', '2000-01-31 00:00:00'],
    ['timestamptz', '2000-01-31 00:00:00+00'],
    ['interval', '-30:00:00'],
    ['interval', 'P1DT2H'],
    ['uuid', '00000000-0000-4000-8000-000000000000'],
    ['json', '{"a":[1]}'],
    ['bit', '0101'],
    ['array<int32>', '{1,2}'],
    ['decimal(10,2)', '1.00'],
  ])('constant fits a %s column: %j', (type, value) => {
    const compiled = mask(`constant:${value}`, type)
    expect(compiled.output).toBe(type === 'text' ? 'text' : 'same')
    expect(apply(compiled, 'secret')).toBe(value)
  })

  it.each([
    ['boolean', 'true'],
    ['int16', '32768'],
    ['int32', '1.5'],
    ['int64', '01'],
    ['uint64', '-1'],
    ['uint64', '18446744073709551616'],
    ['decimal', 'x'],
    ['date', '2000-13-01'],
    ['timestamp', '2000-01-01'],
    ['uuid', 'x'],
    ['json', '{'],
    ['bit', '2'],
    ['array', '1'],
  ])('constant does not fit a %s column: %j', (type, value) => {
    expect(thrown(() => mask(`constant:${value}`, type))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('the partial rules', () => {
  it.each([
    ['alice.fake@example.test', 'a***@example.test'],
    ['bob@example.test', 'b***@example.test'],
    ['bo@example.test', '***@example.test'],
    ['@example.test', '***@example.test'],
    ['"odd@name"@example.test', '***@example.test'],
    ['ünal@example.test', '***@example.test'],
    ['Alice <alice@example.test>', 'A***@***'],
    ['a.long@example.test, b@x', 'a***@***'],
    ['someone@localhost', 's***@***'],
    ['someone@exämple.test', 's***@***'],
    ['someone@', 's***@***'],
    ['no address', '***'],
    ['', '***'],
  ])('partial-email %j', (value, masked) => {
    expect(apply(mask('partial-email'), value)).toBe(masked)
  })

  it.each([
    ['+41 00 000 12 34', '***1234'],
    ['4111-1111-1111-9876', '***9876'],
    ['12345678', '***5678'],
    ['1234567', '***'],
    ['1234', '***'],
    ['', '***'],
    ['AB-12.34/X Y', '***34XY'],
    ['пароль-ключ', '***ключ'],
    ['12345678   ', '***5678'],
  ])('partial-last4 %j', (value, masked) => {
    expect(apply(mask('partial-last4'), value)).toBe(masked)
  })

  it('partial-last4 gives text for numbers', () => {
    const compiled = mask('partial-last4', 'int64')
    expect(compiled.output).toBe('text')
    expect(apply(compiled, '-4111111111119876')).toBe('***9876')
  })
})

describe('the generalizing rules', () => {
  it.each([
    ['date', '1984-07-15', '1984'],
    ['date', '0044-03-15 BC', '-43'],
    ['date', '10000-01-01', '10000'],
    ['date', 'infinity', null],
    ['timestamp', '-infinity', null],
    ['timestamp', '1984-07-15 23:59:59.123456', '1984'],
    ['timestamptz', '2024-02-29 00:00:00+00', '2024'],
    ['text', '1984-07-15T10:11Z', '1984'],
  ])('generalize-year of a %s %j', (type, value, year) => {
    expect(apply(mask('generalize-year', type), value)).toBe(year)
  })

  it.each([
    ['date', '2023-02-29'],
    ['date', '2023-00-10'],
    ['date', '40000-01-01'],
    ['date', ''],
    ['text', 'infinity'],
    ['text', '15.07.1984'],
    ['text', '1984-07-15 Alice'],
    ['text', '1984'],
  ])('generalize-year stops at a %s %j', (type, value) => {
    expect(thrown(() => apply(mask('generalize-year', type), value))).toMatchObject({ code: 'MASK_FAILED' })
  })

  it.each([
    ['generalize-range-10', 'int32', '27', '20-29'],
    ['generalize-range-10', 'int32', '0', '0-9'],
    ['generalize-range-10', 'int32', '-1', '-10--1'],
    ['generalize-range-10', 'int32', '-10', '-10--1'],
    ['generalize-range-25', 'text', '+99', '75-99'],
    ['generalize-range-10', 'decimal', '29.99', '20-29'],
    ['generalize-range-10', 'decimal', '-0.50', '-10--1'],
    ['generalize-range-10', 'decimal', '-10.00', '-10--1'],
    ['generalize-range-1000', 'int64', '9223372036854775807', '9223372036854775000-9223372036854775999'],
    ['generalize-range-1000', 'uint64', '18446744073709551615', '18446744073709551000-18446744073709551999'],
    ['generalize-range-10', 'float64', '1e+21', '1000000000000000000000-1000000000000000000009'],
    ['generalize-range-10', 'float64', '-1.5e-7', '-10--1'],
    ['generalize-range-10', 'float64', 'NaN', null],
    ['generalize-range-10', 'decimal', '-Infinity', null],
  ])('%s of a %s %j', (rule, type, value, range) => {
    expect(apply(mask(rule, type), value)).toBe(range)
  })

  it.each(['', '-', 'Alice', '12 000', '1e5', 'NaN', '0x10', '1'.repeat(3000)])(
    'generalize-range stops at the text %j',
    (value) => {
      expect(thrown(() => apply(mask('generalize-range-10'), value))).toMatchObject({ code: 'MASK_FAILED' })
    },
  )
})

describe('failing closed', () => {
  it.each([
    '',
    'unknown',
    'Redact',
    ' redact',
    'constant',
    'generalize-range',
    'generalize-range-1',
    'generalize-range-0',
    'generalize-range-x',
    'generalize-range-9999999999999999',
  ])('refuses the rule %j', (rule) => {
    expect(thrown(() => mask(rule))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('refuses unknown column types', () => {
    expect(thrown(() => mask('redact', 'geometry'))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it.each(['hash', 'tokenize', 'date-shift', 'fpe'])('%s needs a key', (rule) => {
    const error = thrown(() => compileMask(rule, { column: 'c' }))
    expect(error).toMatchObject({ code: 'MASK_KEY_MISSING' })
    expect(thrown(() => compileMask(rule, { column: 'c', key: '' }))).toMatchObject({ code: 'MASK_KEY_MISSING' })
  })

  it.each([
    ['partial-email', 'text'],
    ['partial-last4', 'text int16 int32 int64 uint64 decimal uuid'],
    ['date-shift', 'date timestamp timestamptz text'],
    ['fpe', 'text uuid int32 int64 uint64'],
    ['generalize-year', 'date timestamp timestamptz text'],
    ['generalize-range-10', 'int16 int32 int64 uint64 decimal float32 float64 text'],
  ])('%s serves %s only', (rule, served) => {
    const compiles = TYPES.filter((type) => thrown(() => mask(rule, type)) === undefined)
    expect(compiles.sort()).toEqual(served.split(' ').sort())
  })

  it('errors name the column and nothing of rule or value', () => {
    const rule = thrown(() => mask('constant:canary-91', 'int32')) as AirlockError
    const value = thrown(() => apply(mask('date-shift'), 'canary-91')) as AirlockError
    for (const error of [rule, value]) {
      expect(error).toBeInstanceOf(AirlockError)
      expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('canary')
      expect(error.message).toContain('t.c')
    }
  })
})

describe('maskColumn', () => {
  it('keeps NULL under every rule', () => {
    const options = { key: 'k', column: 'c' }
    for (const rule of ['redact', 'null', 'constant:x', 'hash', 'tokenize', 'partial-email', 'date-shift', 'fpe']) {
      expect(maskColumn(rule, null, options)).toBeNull()
    }
  })

  it('masks one value', () => {
    expect(maskColumn('partial-email', 'alice.fake@example.test', { column: 'c' })).toBe('a***@example.test')
    expect(maskColumn('constant:größe', 'x', { column: 'c' })).toBe('größe')
    expect(maskColumn('null', 'x', { column: 'c' })).toBeNull()
  })

  it('checks the rule even when the value is null', () => {
    expect(thrown(() => maskColumn('nope', null, { column: 'c' }))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
