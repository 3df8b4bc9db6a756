import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { civilFromDays, daysFromCivil } from '../../../src/masking/columns/iso-date.js'
import { apply, mask, thrown } from './apply.js'

const DAY = 86_400_000
const iso = (day: number) => new Date(day * DAY).toISOString().slice(0, 10)
const dayOf = (text: string | null) => Date.parse(`${text?.slice(0, 10)}T00:00:00Z`) / DAY

describe('the calendar', () => {
  it('agrees with Date over ten thousand years', () => {
    for (let day = Date.UTC(0) / DAY - 700_000; day < 2_900_000; day += 97) {
      const date = new Date(day * DAY)
      const civil = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
      expect(civilFromDays(day)).toEqual(civil)
      expect(daysFromCivil(civil.year, civil.month, civil.day)).toBe(day)
    }
  })
})

describe('date-shift', () => {
  const compiled = mask('date-shift', 'date')
  const offset = dayOf(apply(compiled, '2000-01-01')) - dayOf('2000-01-01')

  it('moves every date by the same days, 1 to 365, for any key', () => {
    const offsets = new Set<number>()
    for (let i = 0; i < 300; i++) {
      const days = dayOf(apply(mask('date-shift', 'date', { key: `key ${i}` }), '2000-01-01')) - dayOf('2000-01-01')
      expect(Math.abs(days)).toBeGreaterThanOrEqual(1)
      expect(Math.abs(days)).toBeLessThanOrEqual(365)
      offsets.add(days)
    }
    expect(offsets.size).toBeGreaterThan(200)
    expect(Math.min(...offsets)).toBeLessThan(0)
    expect(Math.max(...offsets)).toBeGreaterThan(0)
  })

  it('keeps intervals within a column and across the columns of a domain', () => {
    const shared = mask('date-shift', 'timestamp', { domain: 'patient' })
    const alsoShared = mask('date-shift', 'text', { domain: 'patient' })
    fc.assert(
      fc.property(fc.integer({ min: -718_000, max: 2_900_000 }), (day) => {
        expect(dayOf(apply(compiled, iso(day)))).toBe(day + offset)
        expect(apply(shared, `${iso(day)} 01:02:03`)).toBe(apply(alsoShared, `${iso(day)} 01:02:03`))
      }),
      { numRuns: 300, seed: 7 },
    )
  })

  it.each([
    ['timestamp', ' 23:59:59.123456'],
    ['timestamptz', ' 00:00:00+00'],
    ['text', 'T10:11Z'],
    ['text', 'T10:11:12.5+02:00'],
    ['text', ''],
  ])('keeps the time of day of a %s: %j', (type, time) => {
    const masked = apply(mask('date-shift', type), `2024-02-29${time}`)
    expect(masked?.slice(10)).toBe(time)
    expect(dayOf(masked)).not.toBe(dayOf('2024-02-29'))
  })

  it.each(['infinity', '-infinity', '9999-12-31', '0001-01-01'])('the open end %s stays', (value) => {
    expect(apply(compiled, value)).toBe(value)
  })

  it.each([
    ['text', ''],
    ['text', 'infinity'],
    ['text', '31.12.1999'],
    ['text', '1999-12-31 and Alice'],
    ['text', '1999-12-31 10:00:00 Alice'],
    ['text', `1999-12-31 ${'0'.repeat(60)}`],
    ['text', '1999-12-3'],
    ['text', '1999-1231'],
    ['date', '2023-02-29'],
    ['date', '0000-00-00'],
    ['date', '20000-01-01'],
    ['date', '0044-03-15 BC'],
  ])('stops at the %s %j', (type, value) => {
    expect(thrown(() => apply(mask('date-shift', type), value))).toMatchObject({ code: 'MASK_FAILED' })
  })
})
