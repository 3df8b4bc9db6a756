import { AirlockError } from '../../errors/index.js'

/** What may be chosen for values that Postgres cannot hold; the first of each is the default. */
export const POSTGRES_POLICIES = {
  /** NUL in text, and `\u0000` in jsonb: cut out and counted, refused, or replaced by a question mark. */
  nul: ['strip', 'reject', 'replace'],
} as const

export type PostgresPolicies = {
  readonly [Name in keyof typeof POSTGRES_POLICIES]: (typeof POSTGRES_POLICIES)[Name][number]
}

/** Completes the choices of a plan with the defaults. Throws CONFIG_INVALID for a choice that its policy does not have. */
export function postgresPolicies(chosen: Readonly<Record<string, string>> = {}): PostgresPolicies {
  const nul = chosen['nul'] ?? 'strip'
  const choices: readonly string[] = POSTGRES_POLICIES.nul
  if (!choices.includes(nul)) {
    const problem = `the choices are ${choices.join(', ')}`
    throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: 'policies.nul', problem } })
  }
  return { nul: nul as PostgresPolicies['nul'] }
}
