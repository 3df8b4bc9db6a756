import { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import type { StateKey } from './driver.js'

/** The right to commit one write. Attempts of one holder are numbered upwards; the last that claimed may commit, and only
 * once. What an earlier one still sends, from a machine that everybody has given up, is rolled back (a fencing token). */
export interface WriteFence {
  /** Where the claim is kept: beside the state of streams, under a name of its own. */
  readonly key: StateKey
  /** Whose numbers these are, e.g. a run and its job. A claim by another holder ends the claims of this one. */
  readonly holder: string
  readonly number: number
}

/** What a claim found: undefined where the write has still to be done, or the rows of an earlier attempt that did commit
 * although its answer was lost. */
export type ClaimOutcome = { readonly rows: number } | undefined

const saved = z.strictObject({
  holder: z.string(),
  number: z.int(),
  /** Rows that were committed; null as long as nothing was. */
  rows: z.int().min(0).nullable(),
})

/** Decides a claim against what is saved. Either the write was committed, or `value` is what to save. Throws FENCED where
 * a later attempt has claimed. */
export function decideClaim(
  current: string | undefined,
  { holder, number }: WriteFence,
): { readonly committed: ClaimOutcome; readonly value: string } {
  const before = current === undefined ? undefined : parse(current)
  if (before?.holder === holder) {
    if (before.rows !== null) return { committed: { rows: before.rows }, value: current! }
    if (before.number >= number) throw fenced()
  }
  return { committed: undefined, value: JSON.stringify({ holder, number, rows: null }) }
}

/** Decides, inside the transaction of the data and with the claim locked, whether this attempt may commit. Gives what to
 * save with the data. Throws FENCED where it may not. */
export function confirmClaim(current: string | undefined, { holder, number }: WriteFence, rows: number): string {
  const before = current === undefined ? undefined : parse(current)
  if (before?.holder !== holder || before.number !== number || before.rows !== null) throw fenced()
  return JSON.stringify({ holder, number, rows })
}

/** Whether what is kept of a fence says that its write was committed. */
export function isCommitted(saved: string): boolean {
  return parse(saved).rows !== null
}

/** Who has claimed last. */
export function claimHolder(saved: string): string {
  return parse(saved).holder
}

function parse(text: string): z.output<typeof saved> {
  try {
    return saved.parse(JSON.parse(text))
  } catch {
    const params = { at: 'a fence', problem: 'what is kept of it cannot be read' }
    throw new AirlockError('STATE_MISMATCH', { phase: 'write', params })
  }
}

function fenced(): AirlockError {
  return new AirlockError('FENCED', { phase: 'write' })
}
