import { AirlockError } from '../../errors/index.js'
import type { ExactJson } from './read/exact-json.js'

/** The value at a path of objects; null where one of them is null, undefined where one has no such field. Throws
 * PROTOCOL_ERROR where there is no object. */
export function at(value: ExactJson, path: readonly string[]): ExactJson | undefined {
  let here: ExactJson | undefined = value
  for (const name of path) {
    if (here === undefined || here.kind === 'null') return here
    if (here.kind !== 'object') throw broken()
    here = here.fields.get(name)
  }
  return here
}

export function broken(): AirlockError {
  return new AirlockError('PROTOCOL_ERROR', { phase: 'extract' })
}
