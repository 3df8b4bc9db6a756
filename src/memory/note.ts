import { randomBytes } from 'node:crypto'
import { AirlockError } from '../errors/index.js'

/** Something that a person agreed to have kept. */
export interface Note {
  readonly v: 1
  readonly session: string
  readonly id: string
  /** ISO 8601, UTC. */
  readonly captured_at: string
  readonly consent: true
  /** Masked text. */
  readonly content: string
}

const SESSION = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const NOTE = /^[0-9a-f]{24}$/

/** A session id as it was given. Throws MEMORY_REFUSED for anything but 1 to 64 letters, digits, dashes and underscores: it
 * becomes the name of a folder. */
export function sessionId(text: string): string {
  if (SESSION.test(text)) return text
  throw memoryRefused('a session id is 1 to 64 letters, digits, dashes and underscores')
}

/** The id of a note as it was given. Throws MEMORY_UNKNOWN for one that none has. */
export function noteId(text: string): string {
  if (NOTE.test(text)) return text
  throw new AirlockError('MEMORY_UNKNOWN', { phase: 'run' })
}

/** Whether a name of a folder or file is one of ours. */
export function isSessionId(text: string): boolean {
  return SESSION.test(text)
}

/** A new id, behind that of the last note: the time in milliseconds, or the next number where the clock has not moved on,
 * then chance. */
export function newNoteId(now: number, last: string | undefined): string {
  const after = last === undefined ? 0 : Number.parseInt(last.slice(0, 12), 16) + 1
  return Math.max(now, after).toString(16).padStart(12, '0') + randomBytes(6).toString('hex')
}

/** MEMORY_REFUSED with one of our own sentences. */
export function memoryRefused(problem: string): AirlockError {
  return new AirlockError('MEMORY_REFUSED', { phase: 'run', params: { problem } })
}
