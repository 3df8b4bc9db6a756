import type { EngineName } from '../../src/testing/index.js'

/** Why some values of the fixture do not come back from a round trip, and what becomes of them, as `column: value → value`. */
export interface Lost {
  /** The policy that decides, or what the other server's types lack. */
  readonly why: string
  readonly values: readonly string[]
}

/** All that does not come back, by the server where the trip begins and ends; docs/types.md says the same. */
export const LOST: Readonly<Record<EngineName, readonly Lost[]>> = {
  mysql: [
    {
      why: 'zero_dates: Postgres has no month and no day zero; counted as zero_dates and partial_zero_dates',
      values: [
        'date_: 0000-00-00 → null',
        'date_: 2025-00-15 → null',
        'date_: 0000-11-30 → null',
        'date_: 2025-06-00 → null',
        'date_required: 0000-00-00 → null',
        'datetime6: 0000-00-00 00:00:00.000000 → null',
        'datetime6: 2024-00-00 10:11:12.500000 → null',
        'timestamp_zero: 0000-00-00 00:00:00 → null',
      ],
    },
    { why: 'nul: no text of Postgres holds a NUL; counted as nul_bytes', values: ['nul: a\0b → ab', 'nul: \0 → '] },
  ],
  postgres: [
    {
      why: 'nonfinite: no number of MySQL is NaN or infinite; counted',
      values: [
        'exact: NaN → null',
        'single: NaN → null',
        'single: -Infinity → null',
        'double_: NaN → null',
        'double_: Infinity → null',
      ],
    },
    { why: 'MariaDB drops the sign of a zero', values: ['single: -0 → 0', 'double_: -0 → 0'] },
    {
      why: 'out_of_range_dates: MySQL knows the years 0001 to 9999 and no infinity; counted',
      values: [
        'day: infinity → null',
        'day: -infinity → null',
        'day: 0044-03-15 BC → null',
        'day: 5874897-12-31 → null',
        'stamp: 294276-12-31 23:59:59.999999 → null',
        'stamp: infinity → null',
        'stamp: 0044-03-15 12:00:00 BC → null',
        'stamp_tz: -infinity → null',
        'stamp_tz: 0044-03-15 12:00:00+00 BC → null',
      ],
    },
    {
      why: 'timestamptz: the same moment in UTC, in a column without a zone (`timestamp` keeps it, up to 2038)',
      values: [
        'stamp_tz: 2024-06-01 09:00:00.5+00 → 2024-06-01 09:00:00.5',
        'stamp_tz: 2038-01-19 03:14:08+00 → 2038-01-19 03:14:08',
      ],
    },
  ],
}
