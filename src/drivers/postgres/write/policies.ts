import { AirlockError } from '../../../errors/index.js'

/** What may be chosen for values that Postgres cannot hold, and for keys; the first of each is the default. */
export const POSTGRES_POLICIES = {
  /** NUL in text, and `\u0000` in jsonb: cut out and counted, refused, or replaced by a question mark. */
  nul: ['strip', 'reject', 'replace'],
  /** NULL in the key of a merge: refused, or equal to another NULL. */
  null_keys: ['reject', 'match'],
  /** Keys of the target that a merge `scd2` does not see in the stream: they stay current, or their row is closed. */
  absent_keys: ['keep', 'close'],
} as const

export type PostgresPolicies = {
  readonly [Name in keyof typeof POSTGRES_POLICIES]: (typeof POSTGRES_POLICIES)[Name][number]
}

/** Completes the choices of a plan with the defaults. Throws CONFIG_INVALID for a choice that its policy does not have. */
export function postgresPolicies(chosen: Readonly<Record<string, string>> = {}): PostgresPolicies {
  const choose = <Name extends keyof PostgresPolicies>(name: Name): PostgresPolicies[Name] => {
    const choices: readonly string[] = POSTGRES_POLICIES[name]
    const choice = chosen[name] ?? choices[0]!
    if (!choices.includes(choice)) {
      const problem = `the choices are ${choices.join(', ')}`
      throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `policies.${name}`, problem } })
    }
    return choice as PostgresPolicies[Name]
  }
  return { nul: choose('nul'), null_keys: choose('null_keys'), absent_keys: choose('absent_keys') }
}
