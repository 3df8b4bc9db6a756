import { splitEvenly } from '../../../core/key-split.js'
import { AirlockError } from '../../../errors/index.js'
import type { PostgresConnection } from '../native.js'
import { quoteTable } from '../sql.js'
import { WITH_TREE } from './table-tree.js'

/** The system column that says where a row lies: block and place. An update or VACUUM FULL gives a row another, so that its
 * ranges mean something within one snapshot only. No column of a table can have this name. */
export const BLOCK_COLUMN = 'ctid'

/** Ranges of it are looked up, not searched for, from this version on. */
const LEAST_VERSION = 140_000

const PLACE = /^\(\d{1,10},\d{1,5}\)$/

/** What the catalogue says of the room that a table takes, with its partitions and what inherits from it. */
export interface Storage {
  /** `relkind` of pg_class. */
  readonly kind: string
  readonly blocks: number
  readonly version: number
}

export async function storageOf(connection: PostgresConnection, table: string): Promise<Storage> {
  const { rows } = await connection.query(
    `${WITH_TREE} SELECT c.relkind, (SELECT sum(pg_catalog.pg_relation_size(tree.oid)) FROM tree)::bigint
        / current_setting('block_size')::bigint, current_setting('server_version_num')
      FROM pg_catalog.pg_class c WHERE c.oid = $1::regclass`,
    [quoteTable(table)],
  )
  const [kind, blocks, version] = rows[0] ?? []
  return { kind: kind ?? '', blocks: Number(blocks ?? 0), version: Number(version ?? 0) }
}

/** The first places of the blocks at which ranges begin. Throws UNSUPPORTED for what has no blocks of its own, and for a
 * server that would read the whole table for each range. */
export function splitBlocks({ kind, blocks, version }: Storage, ranges: number): string[] {
  if (kind !== 'r' && kind !== 'm') {
    throw unsupported('only a table itself has blocks: no view, partitioned or foreign table')
  }
  if (version < LEAST_VERSION) throw unsupported('it needs PostgreSQL 14 or later')
  return splitEvenly(0n, BigInt(Math.max(0, blocks - 1)), ranges).map((block) => `(${block},0)`)
}

/** A place in SQL. Throws CONFIG_INVALID for a text that is none. */
export function placeLiteral(text: string): string {
  if (PLACE.test(text)) return `'${text}'::tid`
  throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params: { at: 'range', problem: 'a bound is no place' } })
}

function unsupported(problem: string): AirlockError {
  const params = { problem: `partition_by: ${BLOCK_COLUMN}: ${problem}` }
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params })
}
