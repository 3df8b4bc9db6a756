import { quoteName } from '../sql.js'
import type { LoadPlan } from './load-plan.js'

/** Types without an equality of their own; their text is compared. */
const TEXTUAL = /^(json|xml|point|line|lseg|path|polygon|box|circle)(\[\])?$/

/** Whether a column of the rows `t` and `s` holds different values; NULL equals NULL. */
export function columnDiffers(load: LoadPlan, name: string): string {
  const cast = TEXTUAL.test(load.types.get(name) ?? '') ? '::text' : ''
  return `t.${quoteName(name)}${cast} IS DISTINCT FROM s.${quoteName(name)}${cast}`
}

/** Whether any column besides the key differs. */
export function differs(load: LoadPlan): string {
  const columns = load.columns.filter(({ name }) => !load.key.includes(name))
  return columns.length === 0 ? 'false' : columns.map(({ name }) => columnDiffers(load, name)).join(' OR ')
}
