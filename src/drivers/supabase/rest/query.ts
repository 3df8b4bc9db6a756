import { AirlockError } from '../../../errors/index.js'

/** Parameters that belong to the paging. */
const OURS: ReadonlySet<string> = new Set(['select', 'order', 'limit', 'offset', 'columns', 'on_conflict'])

/** A column's name in a parameter, quoted where PostgREST would read it as more than a name, and percent-encoded. */
export function quoteField(name: string): string {
  return encodeURIComponent(/^[a-z_][a-z\d_]*$/i.test(name) ? name : quote(name))
}

/** The condition for the rows behind a key: `(a, b) > (1, 2)` as PostgREST can say it. */
export function afterKey(names: readonly string[], values: readonly string[]): string {
  const [name, ...more] = names
  const [value, ...rest] = values
  if (more.length === 0) return `${quoteField(name!)}=gt.${encodeURIComponent(value!)}`
  return `or=(${beyond(name!, value!, more, rest)})`
}

function beyond(name: string, value: string, more: readonly string[], rest: readonly string[]): string {
  const field = quoteField(name)
  const quoted = encodeURIComponent(quote(value))
  if (more.length === 0) return `${field}.gt.${quoted}`
  const next = beyond(more[0]!, rest[0]!, more.slice(1), rest.slice(1))
  return `${field}.gt.${quoted},and(${field}.eq.${quoted},${more.length === 1 ? next : `or(${next})`})`
}

function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

/** A `where` in PostgREST's own words, e.g. `age=gte.18&city=eq.Rome`. Throws CONFIG_INVALID for parameters that are not
 * filters. https://docs.postgrest.org/en/stable/references/api/tables_views.html#horizontal-filtering */
export function readFilters(where: string | undefined): readonly string[] {
  if (where === undefined) return []
  return [...new URLSearchParams(where)].map(([name, value]) => {
    if (OURS.has(name) || value === '') {
      const problem = 'write filters as PostgREST has them, e.g. age=gte.18&city=eq.Rome'
      throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: 'where', problem } })
    }
    return `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
  })
}
