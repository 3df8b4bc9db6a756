import fc from 'fast-check'
import { expect, it } from 'vitest'
import { comesBefore } from '../../src/run/cursor-order.js'

// Each list is in rising order. Broken once: numbers compared as text, times compared as text.
it.each([
  ['int64', ['-10', '-9', '0', '7', '10', '9223372036854775807']],
  [
    'decimal',
    ['-Infinity', '-1.5', '-1.25', '0.10', '0.2', '10', '10.01', '12345678901234567890.5', 'Infinity', 'NaN'],
  ],
  ['date', ['-infinity', '0044-03-15 BC', '0001-01-01', '1999-12-31', '9999-12-31', '10000-01-01', 'infinity']],
  [
    'timestamp',
    ['2024-01-01 00:00:00', '2024-01-01 00:00:00.000001', '2024-01-01 00:00:00.1', '2024-01-01 00:00:00.11'],
  ],
  [
    'timestamptz',
    ['2024-01-01 09:59:59.999999+00', '2024-01-01 10:00:00+00', '2024-01-01 10:00:00.5+00', '2024-01-01 10:00:01+00'],
  ],
] as const)('%s: knows what comes before', (kind, rising) => {
  for (const [at, last] of rising.entries()) {
    const before = rising.map((next) => comesBefore(kind, next, last))
    expect([last, before]).toEqual([last, rising.map((_, other) => other < at)])
  }
})

it('takes zeros at the end of a fraction for nothing, and those of seconds for what they are', () => {
  expect(comesBefore('timestamp', '2024-01-01 10:00:00.50', '2024-01-01 10:00:00.5')).toBe(false)
  expect(comesBefore('timestamp', '2024-01-01 10:00:00.5', '2024-01-01 10:00:00.50')).toBe(false)
  expect(comesBefore('timestamp', '2024-01-01 10:00:00', '2024-01-01 10:00:10')).toBe(true)
  expect(comesBefore('timestamp', '2024-01-01 10:00:00', '2024-01-01 10:00:00.000')).toBe(false)
})

it('compares integers of any size as numbers', () => {
  const big = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
  fc.assert(fc.property(big, big, (a, b) => comesBefore('decimal', String(a), String(b)) === a < b))
})

it('leaves the order of texts to their server', () => {
  expect(comesBefore('text', 'a', 'b')).toBe(false)
})
