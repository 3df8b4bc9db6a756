import { AirlockError } from '../../errors/index.js'
import type { ReadTime } from './read/instants.js'

/** Choices for values that have no equal; the first word is the default. Times: what to do with a moment that is written
 * without its zone, and with digits behind microseconds. Records: null in the place of one. Bytes: how a target gets
 * them, which only has text. */
export const GRAPHQL_POLICIES = {
  zoneless_times: ['error', 'utc'],
  time_fractions: ['error', 'truncate'],
  null_records: ['skip', 'error'],
  bytes_as: ['base64', 'hex'],
} as const

type Name = keyof typeof GRAPHQL_POLICIES

/** The policies of one stream, and how often each was applied. */
export class GraphqlPolicies {
  readonly counts: Record<string, number> = {}
  readonly #words: Readonly<Record<Name, string>>

  /** Throws CONFIG_INVALID for a word that is no choice. */
  constructor(chosen: Readonly<Record<string, string>> = {}) {
    const words = Object.entries(GRAPHQL_POLICIES).map(([name, choices]) => {
      const word = chosen[name] ?? choices[0]
      if ((choices as readonly string[]).includes(word)) return [name, word] as const
      const problem = `the choices are ${choices.join(', ')}`
      throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `policies.${name}`, problem } })
    })
    this.#words = Object.fromEntries(words) as Record<Name, string>
  }

  is(name: Name, word: string): boolean {
    return this.#words[name] === word
  }

  /** `partial_answers` counts the answers that came with errors where `partial: allow` takes them. */
  count(name: Name | 'partial_answers'): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  /** The text of a time of a column. Throws VALUE_POLICY where a policy says that it is an error. */
  settle(time: ReadTime | undefined, column: string): string | undefined {
    if (time?.cut === true) this.#apply('time_fractions', column)
    if (time?.zoneless === true) this.#apply('zoneless_times', column)
    return time?.text
  }

  #apply(name: Name, column: string): void {
    if (this.is(name, 'error')) throw new AirlockError('VALUE_POLICY', { phase: 'extract', params: { at: column } })
    this.count(name)
  }
}
