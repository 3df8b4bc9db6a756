import type { MaskChoices } from '../core/mask-batches.js'
import { suggest } from '../core/suggest.js'
import type { AirlockFile } from './airlock-file.js'
import { masksOf } from './mask-choices.js'
import { fieldError, type PlaceMap } from './place.js'

/** The masks under `queries:` by connection. Throws CONFIG_UNKNOWN_KEY for a connection that does not exist, whose masks
 * would otherwise protect nothing, and CONFIG_INVALID for a rule that does not. */
export function queryMasks(
  file: PlaceMap,
  { queries }: AirlockFile,
  connections: readonly string[],
): ReadonlyMap<string, MaskChoices> {
  const found = new Map<string, MaskChoices>()
  for (const [name, { mask }] of Object.entries(queries)) {
    const path = ['queries', name]
    if (!connections.includes(name)) {
      throw fieldError('CONFIG_UNKNOWN_KEY', file, path, { suggestion: suggest(name, connections) })
    }
    found.set(name, masksOf(file, [...path, 'mask'], mask))
  }
  return found
}
