import { AirlockError } from '../../../errors/index.js'

/** One cell on its way into the target, as its rule sees it. A rule that calls nothing leaves the cell as it is. */
export interface CellEdit {
  /** The cell ends here. */
  cut(end: number): void
  replace(bytes: Uint8Array | string): void
  null(): void
}

/** Checks the cell `data[start, end)` of a column against what the target holds without loss, and changes it where a policy
 * says so. Throws VALUE_POLICY and VALUE_REJECTED. */
export type ValueRule = (edit: CellEdit, data: Uint8Array, start: number, end: number) => void

/** What rules tell and are told beside the cell. */
export interface RuleContext {
  readonly column: string
  /** Counts one use of a policy. */
  count(policy: string): void
}

/** The value has no equal in the target, and the policy for such values is `error`. */
export function refusedByPolicy(column: string): AirlockError {
  return new AirlockError('VALUE_POLICY', { phase: 'write', params: { at: column } })
}

/** The server would round, cut or refuse the value. */
export function valueRejected(column: string): AirlockError {
  return new AirlockError('VALUE_REJECTED', { phase: 'write', params: { at: column } })
}

/** Cells of all kinds but text and bytes are ASCII. */
export function asciiOf(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1')
}

export function utf8Of(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8')
}
