import { currentSession } from '../cache/index.js'

/** The id of the call on whose behalf the calling code runs. */
export function currentCall(): string | undefined {
  return currentSession()?.id
}
