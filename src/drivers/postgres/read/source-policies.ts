import { AirlockError } from '../../../errors/index.js'

/** What may be chosen for types that only Postgres has; the first of each is the default. */
export const POSTGRES_SOURCE_POLICIES = {
  /** Composite types as a JSON object (`to_json`), or as the text that Postgres itself takes back. */
  composite: ['json', 'text'],
  /** hstore as a JSON object, or as the text that the extension itself takes back. */
  hstore: ['json', 'text'],
} as const

export type PostgresSourcePolicies = {
  readonly [Name in keyof typeof POSTGRES_SOURCE_POLICIES]: (typeof POSTGRES_SOURCE_POLICIES)[Name][number]
}

/** Completes the choices of a request with the defaults. Throws CONFIG_INVALID for a choice that its policy does not have. */
export function postgresSourcePolicies(chosen: Readonly<Record<string, string>> = {}): PostgresSourcePolicies {
  return { composite: choose('composite', chosen), hstore: choose('hstore', chosen) }
}

function choose<Name extends keyof PostgresSourcePolicies>(
  name: Name,
  chosen: Readonly<Record<string, string>>,
): PostgresSourcePolicies[Name] {
  const choices: readonly string[] = POSTGRES_SOURCE_POLICIES[name]
  const word = Object.hasOwn(chosen, name) ? chosen[name]! : choices[0]!
  if (choices.includes(word)) return word as PostgresSourcePolicies[Name]
  const problem = `the choices are ${choices.join(', ')}`
  throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `policies.${name}`, problem } })
}
