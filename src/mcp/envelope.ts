import { AirlockError, type AirlockErrorData } from '../errors/index.js'

/** What a command of the CLI answers with `--json`. */
export type Envelope =
  | { readonly ok: true; readonly data: unknown; readonly meta: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly data: unknown; readonly error: Pick<AirlockErrorData, 'code'> & ErrorFields }

/** What else an error of a child may carry; everything is checked again before it goes on. */
export interface ErrorFields {
  readonly message?: unknown
  readonly origin?: unknown
  readonly ref?: unknown
}

/** Reads all of a child's stdout as one envelope on one line. Throws CHILD_FAILED for anything else: a half answer, a
 * second one, text around it. Nothing of the text gets into the error. */
export function parseEnvelope(stdout: string): Envelope {
  const body = stdout.endsWith('\n') ? stdout.slice(0, -1) : ''
  let value: unknown
  try {
    value = body.includes('\n') ? undefined : JSON.parse(body)
  } catch {
    throw childFailed()
  }
  if (!isMap(value)) throw childFailed()
  const { ok, data, error, meta } = value
  if (ok === true && 'data' in value && isMap(meta)) return { ok, data, meta }
  if (ok === false && isMap(error) && typeof error['code'] === 'string') {
    return { ok, data, error: error as unknown as Extract<Envelope, { readonly ok: false }>['error'] }
  }
  throw childFailed()
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function childFailed(): AirlockError {
  return new AirlockError('CHILD_FAILED', { phase: 'run' })
}
