import { AirlockError } from '../errors/index.js'
import { suggest } from './suggest.js'

/** The columns that a `select` list takes of those that exist: in its own order, or all but those with a leading `-`.
 * Throws COLUMN_NOT_FOUND with a suggestion for a name that does not exist, CONFIG_INVALID for a list that mixes both. */
export function selectColumns(existing: readonly string[], select: readonly string[] | undefined): readonly string[] {
  if (select === undefined || select.length === 0) return existing
  const excluded = select.filter((name) => name.startsWith('-') && !existing.includes(name))
  const included = select.filter((name) => !excluded.includes(name))
  for (const name of [...included, ...excluded.map((entry) => entry.slice(1))]) {
    if (!existing.includes(name)) {
      throw new AirlockError('COLUMN_NOT_FOUND', {
        phase: 'plan',
        params: { at: `select.${name}`, suggestion: suggest(name, existing) },
      })
    }
  }
  if (excluded.length > 0 && included.length > 0) {
    throw invalid('name the columns to take, or those to leave out with a leading -, not both')
  }
  if (new Set(select).size !== select.length) throw invalid('a column is named twice')
  const left = existing.filter((name) => !excluded.includes(`-${name}`))
  if (included.length === 0 && left.length === 0) throw invalid('no column is left')
  return included.length > 0 ? included : left
}

function invalid(problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: 'select', problem } })
}
