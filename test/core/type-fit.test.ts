import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../src/core/column-type.js'
import { formatType } from '../../src/core/column-type.js'
import { cellTest, commonType, holds } from '../../src/core/type-fit.js'

const decimal = (precision?: number, scale?: number): LogicalType => ({
  kind: 'decimal',
  ...(precision === undefined ? {} : { precision }),
  ...(scale === undefined ? {} : { scale }),
})
const text = (length?: number): LogicalType => ({ kind: 'text', ...(length === undefined ? {} : { length }) })

describe('what a type holds', () => {
  it.each<readonly [into: LogicalType, from: LogicalType, holds: boolean]>([
    [{ kind: 'int32' }, { kind: 'int16' }, true],
    [{ kind: 'int64' }, { kind: 'uint64' }, false],
    [{ kind: 'uint64' }, { kind: 'int16' }, false],
    [{ kind: 'int64' }, decimal(18, 0), true],
    [{ kind: 'int64' }, decimal(19, 0), false],
    [decimal(20, 0), { kind: 'uint64' }, true],
    [decimal(10, 2), decimal(9, 3), false],
    [decimal(), { kind: 'float64' }, true],
    [decimal(10, 2), decimal(), false],
    [{ kind: 'float64' }, { kind: 'int32' }, true],
    [{ kind: 'float64' }, { kind: 'int64' }, false],
    [{ kind: 'float32' }, { kind: 'float64' }, false],
    [text(), { kind: 'json' }, true],
    [text(), { kind: 'bytes' }, false],
    [text(36), { kind: 'uuid' }, true],
    [text(35), { kind: 'uuid' }, false],
    [{ kind: 'timestamp', precision: 3 }, { kind: 'timestamp' }, false],
    [{ kind: 'timestamp' }, { kind: 'timestamptz' }, false],
    [{ kind: 'timestamp' }, { kind: 'date' }, true],
    [{ kind: 'array', element: { kind: 'int64' } }, { kind: 'array', element: { kind: 'int16' } }, true],
    [{ kind: 'json' }, text(), false],
  ])('%j holds %j: %s', (into, from, expected) => {
    expect(holds(into, from)).toBe(expected)
  })

  it.each<readonly [into: LogicalType, from: LogicalType, common: string | undefined]>([
    [{ kind: 'int16' }, { kind: 'int64' }, 'int64'],
    [{ kind: 'int64' }, { kind: 'uint64' }, 'decimal(20,0)'],
    [decimal(8, 2), decimal(8, 4), 'decimal(10,4)'],
    [{ kind: 'int32' }, { kind: 'float64' }, undefined],
    [{ kind: 'float64' }, decimal(20, 2), undefined],
    [{ kind: 'float32' }, { kind: 'int32' }, 'float64'],
    [{ kind: 'date' }, { kind: 'timestamp', precision: 0 }, 'timestamp(0)'],
    [{ kind: 'timestamptz' }, { kind: 'timestamp' }, undefined],
    [text(5), { kind: 'json' }, 'text'],
    [{ kind: 'int32' }, text(), undefined],
    [{ kind: 'uuid' }, text(36), undefined],
    [{ kind: 'boolean' }, { kind: 'int16' }, undefined],
  ])('%j and %j have %s in common', (into, from, expected) => {
    const common = commonType(into, from)
    expect(common && formatType(common)).toBe(expected)
    // What it is widened to holds both.
    if (common !== undefined) expect([holds(common, into), holds(common, from)]).toEqual([true, true])
  })

  it.each<readonly [into: LogicalType, fits: readonly string[], misfits: readonly string[]]>([
    [{ kind: 'int16' }, ['32767', '-32768', '5.0', '007'], ['32768', '1.5', '', 'x', '1e3', ' 1', 'NaN']],
    [{ kind: 'uint64' }, ['18446744073709551615'], ['18446744073709551616', '-1']],
    [decimal(4, 2), ['99.99', '-1.5', '0', '1.500', 'NaN'], ['100', '1.234', 'Infinity', '', '-', '.']],
    [decimal(2, -3), ['99000', '0', '1000'], ['100000', '500', '1500']],
    [decimal(3, 5), ['0.00123', '0'], ['0.01', '1', '0.001234']],
    [decimal(), ['123456789012345678901234567890.5', '-Infinity'], ['x', '']],
    [{ kind: 'float32' }, ['123456', '1.5', 'NaN', '1e30'], ['1234567', 'x']],
    [{ kind: 'boolean' }, ['t', 'f'], ['1', 'true']],
    [
      { kind: 'date' },
      ['2024-02-29', '2024-02-29 00:00:00', 'infinity', '0044-03-15 BC'],
      ['2024-02-29 00:00:01', '29.2.24'],
    ],
    [
      { kind: 'timestamp', precision: 3 },
      ['2024-02-29 23:59:59.123', '2024-02-29 23:59:59.123000', '2024-02-29'],
      ['2024-02-29 23:59:59.1234', 'now'],
    ],
    [{ kind: 'time', precision: 0 }, ['23:59:59', '23:59:59.000'], ['23:59:59.1', '1:2:3']],
    [{ kind: 'uuid' }, ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], ['a0eebc99']],
    [text(3), ['', 'abc', 'ж€𝄞'], ['abcd', 'ж€𝄞 ']],
  ])('%j takes some values of a text and not others', (into, fits, misfits) => {
    const test = cellTest(into, text())!
    const passes = (value: string) => {
      const bytes = Buffer.from(`[${value}]`)
      return test(bytes, 1, bytes.length - 1)
    }
    expect(fits.filter((value) => !passes(value))).toEqual([])
    expect(misfits.filter(passes)).toEqual([])
  })
})
