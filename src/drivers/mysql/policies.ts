import { AirlockError } from '../../errors/index.js'

/** What may be chosen for values that have no equal elsewhere; the first of each is the default. */
export const MYSQL_POLICIES = {
  /** `tinyint(1)`: a number, or a boolean that refuses anything but 0, 1 and NULL. */
  tinyint1: ['smallint', 'boolean'],
  /** `bit(1)`: a bit string or a boolean. */
  bit1: ['bit', 'boolean'],
  /** `0000-00-00` and dates with a zero month or day. */
  zero_dates: ['null', 'error', 'epoch', 'text'],
  /** `time` reaches from -838:59:59 to 838:59:59; as `time` a value outside of one day is an error. */
  time: ['interval', 'time'],
  /** Geometry as EWKB bytes with its SRID, or as WKT text. */
  geometry: ['ewkb', 'wkt'],
  json_as: ['jsonb', 'json', 'text'],
  /** `binary(16)` as bytes or as a uuid. */
  binary16: ['bytes', 'uuid'],

  /** Written: decimals without declared digits. `decimal` is decimal(65,30), and a value that it cannot hold is an error. */
  numeric_unbounded: ['decimal', 'text', 'error'],
  /** Written: NaN and infinite numbers, which no number of MySQL is. `text` makes new columns text. */
  nonfinite: ['error', 'null', 'text'],
  /** Written: infinite dates, those before the year 1 and after 9999; `clamp` takes the nearest that the column holds. */
  out_of_range_dates: ['error', 'null', 'clamp'],
  /** Written: `datetime` holds the time in UTC; a new `timestamp` column ends in 2038. */
  timestamptz: ['datetime', 'timestamp'],
  /** Written: times with a zone of their own, as they are or as the time in UTC. */
  timetz: ['text', 'utc'],
  /** Written: as the source spells it, as `time`, or as a number of microseconds; neither of these has room for months. */
  interval: ['iso8601', 'time', 'micros', 'error'],
  /** Written: numbers in JSON that the server would round; MariaDB keeps JSON as it is. */
  json_numbers: ['error', 'longtext', 'lossy'],
  /** Written: arrays of Postgres as JSON arrays or in their own text form. */
  arrays: ['json', 'text', 'error'],
  uuid: ['char36', 'binary16'],
  /** Written: single precision as `double`, which shows all its digits, or as `float`. */
  real: ['double', 'float'],
  /** Written: rows with NULL in the key of a merge are refused, or NULL matches NULL. */
  null_keys: ['reject', 'match'],
  /** Written: keys that a merge `scd2` does not see in the stream stay current, or their row is closed. */
  absent_keys: ['keep', 'close'],
} as const

export type MysqlPolicies = { readonly [Name in keyof typeof MYSQL_POLICIES]: (typeof MYSQL_POLICIES)[Name][number] }

/** Completes the choices of a request with the defaults. Policies of other drivers are left to these. Throws
 * CONFIG_INVALID for a choice that its policy does not have. */
export function mysqlPolicies(chosen: Readonly<Record<string, string>> = {}): MysqlPolicies {
  const complete: Record<string, string> = {}
  for (const [name, choices] of Object.entries(MYSQL_POLICIES)) {
    const choice = Object.hasOwn(chosen, name) ? chosen[name] : choices[0]
    if (!(choices as readonly string[]).includes(choice ?? '')) {
      const problem = `the choices are ${choices.join(', ')}`
      throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `policies.${name}`, problem } })
    }
    complete[name] = choice!
  }
  return complete as MysqlPolicies
}
