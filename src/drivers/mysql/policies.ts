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
