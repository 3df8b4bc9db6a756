import { AirlockError, CODES, type ErrorCode } from '../errors/index.js'
import type { Envelope } from './envelope.js'

/** An error as an agent gets it. */
export interface AgentError {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  readonly retryable: boolean
  readonly origin?: string
  /** Finds the error in the audit log, and its debug record where those are kept. */
  readonly ref: string
  /** The call that it happened in. */
  readonly call: string
}

/** Codes whose sentences are filled from closed lists only. Those of other codes may hold names of the operator's files and
 * fields, which are not for agents. */
const SPEAKING: ReadonlySet<ErrorCode> = new Set(['QUERY_REFUSED', 'UNSUPPORTED', 'MEMORY_REFUSED'])
const CLOSED_SENTENCE = /^[A-Za-z0-9 ,;'`()_-]{1,160}$/

/** The error of a child, built anew from the table: of what the child said only a known code, the origin, the ref and words
 * of closed lists stay. */
export function errorOfChild({ error }: Extract<Envelope, { readonly ok: false }>): AirlockError {
  const code = isCode(error.code) ? error.code : 'INTERNAL'
  const { origin, ref, message } = error
  return new AirlockError(code, {
    phase: 'run',
    params: SPEAKING.has(code) && typeof message === 'string' ? paramsOf(CODES[code].message, message) : {},
    ...(typeof origin === 'string' && /^[A-Z0-9_]{2,40}$/.test(origin) ? { origin } : {}),
    ...(typeof ref === 'string' && /^[0-9a-f]{12}$/.test(ref) ? { ref } : {}),
  })
}

/** An error as a reply carries it. What is no error of Airlock's is INTERNAL, whatever it says. */
export function agentError(error: unknown, call: string): AgentError {
  const known = error instanceof AirlockError ? error : new AirlockError('INTERNAL', { phase: 'run' })
  const { code, hint, retryable, origin, ref } = known
  return {
    code,
    message: known.message,
    hint,
    retryable,
    ...(origin === undefined ? {} : { origin }),
    ref,
    call,
  }
}

function paramsOf(template: string, message: string): Readonly<Record<string, string>> {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  const pattern = template
    .split(/\{\w+\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('(.+)')
  const found = new RegExp(`^${pattern}$`, 's').exec(message)
  if (found === null || !found.slice(1).every((text) => CLOSED_SENTENCE.test(text))) return {}
  return Object.fromEntries(names.map((name, at) => [name, found[at + 1]!]))
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code)
}
