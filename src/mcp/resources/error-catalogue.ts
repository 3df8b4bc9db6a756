import { CODES } from '../../errors/index.js'

/** Every error code with its sentence, hint, exit code and whether trying again may help, as JSON. */
export function errorCatalogue(): string {
  const errors = Object.entries(CODES).map(([code, { message, hint, exitCode, retryable }]) => ({
    code,
    message,
    hint,
    exit_code: exitCode,
    retryable,
  }))
  return JSON.stringify({ errors })
}
