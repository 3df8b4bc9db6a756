import type { Config } from '../config/config.js'
import type { Column } from '../core/batch.js'
import type { QueryResult } from '../core/driver.js'
import { compileMasks, type MaskChoice, type MaskChoices } from '../core/mask-batches.js'
import { type ColumnOrigin, keepsValues } from '../core/query-provenance.js'
import { AirlockError } from '../errors/index.js'
import { ByteSink, type CellMask } from '../masking/columns/index.js'

/** A result with its columns masked, and which of them are. */
export interface MaskedResult extends QueryResult {
  readonly masked: readonly boolean[]
}

const UNKNOWN: MaskChoice = 'redact'

/** Masks what a connection's `queries.….mask` names. Fails closed: a column whose values may be made of a masked one, and
 * whose origin the server does not know for certain, is redacted; a rule that cannot be applied fails the query
 * (MASK_KEY_MISSING, MASK_FAILED). Tokens of values that were cut are tokens of the cut value. */
export async function maskResult(result: QueryResult, config: Config, connection: string): Promise<MaskedResult> {
  const choices = lowered(config.queryMasks(connection))
  if (Object.keys(choices).length === 0) return { ...result, masked: result.columns.map(() => false) }
  const { provenance } = result
  if (provenance === undefined) throw new AirlockError('MASK_FAILED', { phase: 'query', params: { at: connection } })
  const hidden = new Set(Object.keys(choices).map((key) => key.slice(key.lastIndexOf('.') + 1)))
  const closed = provenance.isClosedTo(hidden)
  const chosen = result.columns.map((column, at) => choiceOf(column, provenance.origins[at], choices, closed))
  const key = await config.maskKey()
  // One at a time: two columns of a result may have the same name.
  const compiled = result.columns.map((column, at) => maskOf(column, chosen[at], provenance.origins[at], key))
  const rows = result.rows.map((row) => row.map((cell, at) => apply(compiled[at]?.mask, cell)))
  return {
    ...result,
    columns: compiled.map((one, at) => one?.column ?? result.columns[at]!),
    rows,
    masked: chosen.map((choice) => choice !== undefined),
  }
}

function choiceOf(
  column: Column,
  origin: ColumnOrigin | undefined,
  choices: MaskChoices,
  closed: boolean,
): MaskChoice | undefined {
  const names = [...(origin === undefined ? [] : [`${origin.table}.${origin.column}`, origin.column]), column.name]
  const found = names.map((name) => choices[name.toLowerCase()]).find((choice) => choice !== undefined)
  if (found !== undefined) return found
  if (origin === undefined) return closed ? undefined : UNKNOWN
  return keepsValues(origin) ? UNKNOWN : undefined
}

function maskOf(
  column: Column,
  choice: MaskChoice | undefined,
  origin: ColumnOrigin | undefined,
  key: Awaited<ReturnType<Config['maskKey']>>,
): { readonly mask: CellMask; readonly column: Column } | undefined {
  if (choice === undefined) return undefined
  // Under its own name, so that a token is that of a pipeline.
  const named = { ...column, name: origin?.column ?? column.name }
  const compiled = compileMasks([named], { [named.name]: choice }, { key, table: origin?.table })
  return { mask: compiled.masks[0]!, column: { ...compiled.columns[0]!, name: column.name } }
}

function apply(mask: CellMask | undefined, cell: string | null): string | null {
  if (mask === undefined || cell === null) return cell
  const data = Buffer.from(cell)
  const out = new ByteSink(64)
  if (!mask.apply(data, 0, data.length, out)) return null
  return Buffer.from(out.bytes.subarray(0, out.length)).toString()
}

function lowered(choices: MaskChoices): MaskChoices {
  return Object.fromEntries(Object.entries(choices).map(([name, choice]) => [name.toLowerCase(), choice]))
}
