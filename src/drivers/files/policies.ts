import { AirlockError } from '../../errors/index.js'

/** What may be chosen for values that a file cannot hold as they are; the first of each is the default. */
export const FILES_POLICIES = {
  /** Text in CSV and TSV that a spreadsheet would take for a formula: with a quote in front, refused, or as it is. */
  formulas: ['escape', 'error', 'keep'],
  /** The JSON value null in a JSONL file, where it is the same as SQL NULL. */
  json_null: ['null', 'error'],
} as const

export type FilesPolicies = { readonly [Name in keyof typeof FILES_POLICIES]: (typeof FILES_POLICIES)[Name][number] }

/** Completes the choices of a plan with the defaults. Policies of other drivers are left to these. Throws CONFIG_INVALID
 * for a choice that its policy does not have. */
export function filesPolicies(chosen: Readonly<Record<string, string>> = {}): FilesPolicies {
  const complete: Record<string, string> = {}
  for (const [name, choices] of Object.entries(FILES_POLICIES)) {
    const choice = Object.hasOwn(chosen, name) ? chosen[name] : choices[0]
    if (!(choices as readonly string[]).includes(choice ?? '')) {
      const problem = `the choices are ${choices.join(', ')}`
      throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: `policies.${name}`, problem } })
    }
    complete[name] = choice!
  }
  return complete as FilesPolicies
}
