import { at, broken } from '../paths.js'
import type { ExactJson } from './exact-json.js'
import type { ConnectionShape } from './selection.js'

/** One page of a connection. */
export interface ConnectionPage {
  readonly records: readonly ExactJson[]
  /** Where the next page begins; undefined where this is proven to be the last. */
  readonly next: string | undefined
}

/** Takes a connection apart. `hasNextPage` has to say one or the other, and a further page needs a cursor: otherwise
 * PROTOCOL_ERROR, because the rest would go missing silently. */
export function connectionPage(value: ExactJson, { list, unwrap }: ConnectionShape): ConnectionPage {
  const items = at(value, [list])
  if (items === undefined || (items.kind !== 'list' && items.kind !== 'null')) throw broken()
  const found = items.kind === 'list' ? items.items : []
  const records = unwrap ? found.map(nodeOf) : found
  const more = at(value, ['pageInfo', 'hasNextPage'])
  if (more?.kind !== 'boolean') throw broken()
  if (!more.value) return { records, next: undefined }
  const cursor = at(value, ['pageInfo', 'endCursor'])
  if (cursor?.kind !== 'string') throw broken()
  return { records, next: cursor.text }
}

function nodeOf(edge: ExactJson): ExactJson {
  const node = at(edge, ['node'])
  if (node === undefined) throw broken()
  return node
}
