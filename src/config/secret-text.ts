import { AirlockError } from '../errors/index.js'

/** Bytes that a secret may have, in a file or as a command's output. */
export const SECRET_LIMIT = 64 * 1024

/** SECRET_UNRESOLVED for the field `at`. It does not say why: what a file or a command did may tell something of it. */
export function unresolved(at: string): AirlockError {
  return new AirlockError('SECRET_UNRESOLVED', { phase: 'config', params: { at } })
}

/** The text of a secret from its bytes, without the newlines at its end. Throws SECRET_UNRESOLVED for empty, oversized and
 * non-UTF-8 input: a secret that was cut or repaired would only fail later and somewhere else. */
export function decodeSecret(bytes: Uint8Array, at: string): string {
  if (bytes.length > SECRET_LIMIT) throw unresolved(at)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unresolved(at)
  }
  let end = text.length
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end--
  if (end === 0) throw unresolved(at)
  return text.slice(0, end)
}
