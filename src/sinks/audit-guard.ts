import { randomUUID } from 'node:crypto'
import { AirlockError } from '../errors/index.js'
import type { AuditEvent } from './audit-record.js'
import type { Receipt } from './audit-writer.js'

/** Anything that records audit events: one log, or several behind a quorum. */
export interface AuditSinkPort {
  append(event: AuditEvent): Promise<Receipt>
  flush(): Promise<void>
  close(): Promise<void>
}

/** Results of operations whose outcome could not be recorded, by the error that says so. */
const RESULTS = new WeakMap<AirlockError, { readonly value: unknown }>()

/** What the operation returned when `guard` rejected with AUDIT_OUTCOME_LOST; undefined for any other error. Kept beside
 * the error, not on it, so that no printer of errors can show it. */
export function unrecordedResult(error: unknown): unknown {
  return error instanceof AirlockError ? RESULTS.get(error)?.value : undefined
}

/** Runs `fn` between two records that share an operation id: the intent before it, the outcome after it. When the intent
 * cannot be recorded it rejects with AUDIT_UNAVAILABLE and `fn` never runs. When the outcome cannot be recorded, an error
 * of `fn` still comes first; a result is kept for `unrecordedResult` and the call rejects with AUDIT_OUTCOME_LOST.
 * `describe` gives the data of a good outcome, for example row counts. */
export async function guardOperation<T>(
  sink: Pick<AuditSinkPort, 'append'>,
  event: AuditEvent,
  fn: (op: string) => Promise<T> | T,
  describe?: (result: T) => unknown,
): Promise<T> {
  const op = event.op ?? randomUUID()
  await sink.append({ ...event, op, outcome: 'intent' })
  let result: T
  try {
    result = await fn(op)
  } catch (error) {
    await appendQuietly(sink, { ...event, op, outcome: 'failed', data: failureData(error) })
    throw error
  }
  const recorded = await appendQuietly(sink, { ...event, op, outcome: 'ok', data: describe?.(result) ?? null })
  if (recorded) return result
  const lost = new AirlockError('AUDIT_OUTCOME_LOST', { phase: 'audit' })
  RESULTS.set(lost, { value: result })
  throw lost
}

/** Appends and says whether that worked; the sink has counted the loss. */
async function appendQuietly(sink: Pick<AuditSinkPort, 'append'>, event: AuditEvent): Promise<boolean> {
  try {
    await sink.append(event)
    return true
  } catch {
    return false
  }
}

function failureData(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof AirlockError)) return { code: 'INTERNAL' }
  return { code: error.code, ref: error.ref, ...(error.origin === undefined ? {} : { origin: error.origin }) }
}
