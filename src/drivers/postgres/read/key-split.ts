import { type KeySplitRequest, splitEvenly, uuidBits, uuidDigits, uuidText } from '../../../core/key-split.js'
import type { PostgresConnection } from '../native.js'
import { quoteName, quoteTable } from '../sql.js'
import { splitBlocks, storageOf } from './blocks.js'
import { conjunction } from './bounded-read.js'

/** Blocks of a table that are read to learn how its keys lie: 8 MiB. */
const SAMPLE_BLOCKS = 1000

/** Fewer rows for each range say too little. */
const LEAST_SAMPLED = 10

/** Less than one row of a sample. */
const BEHIND = 1e-9

/** What can be sampled: tables, partitioned ones and materialized views. */
const SAMPLED: readonly string[] = ['r', 'p', 'm']

/** Where the ranges of a table begin: by a sample of its rows, so that each has about as many, or else in equal steps from
 * the least key to the greatest. */
export async function splitKey(connection: PostgresConnection, request: KeySplitRequest): Promise<readonly string[]> {
  if (request.ranges < 2) return []
  const storage = await storageOf(connection, request.table)
  if (request.kind === 'blocks') return splitBlocks(storage, request.ranges)
  const sampled = SAMPLED.includes(storage.kind) ? await sampledKeys(connection, request, storage.blocks) : undefined
  return sampled ?? (await evenKeys(connection, request))
}

async function sampledKeys(
  connection: PostgresConnection,
  request: KeySplitRequest,
  blocks: number,
): Promise<readonly string[] | undefined> {
  const percent = blocks > SAMPLE_BLOCKS ? (100 * SAMPLE_BLOCKS) / blocks : 100
  // A range begins with the first key behind the one before it.
  const parts = Array.from({ length: request.ranges - 1 }, (_, at) => (at + 1) / request.ranges + BEHIND)
  const { rows } = await connection.query(
    `SELECT count(*), percentile_disc('{${parts.join(',')}}'::float8[]) WITHIN GROUP (ORDER BY ${quoteName(request.column)})
      FROM ${quoteTable(request.table)} TABLESAMPLE SYSTEM (${percent})${conditionOf(request)}`,
  )
  const [count, points] = rows[0] ?? []
  if (Number(count ?? 0) < LEAST_SAMPLED * request.ranges || points === null || points === undefined) return undefined
  return [...new Set(points.slice(1, -1).split(','))]
}

async function evenKeys(connection: PostgresConnection, request: KeySplitRequest): Promise<readonly string[]> {
  const key = quoteName(request.column)
  const from = `FROM ${quoteTable(request.table)}${conditionOf(request)}`
  // Before version 18 there is no min(uuid).
  const ends =
    request.kind === 'uuid'
      ? `(SELECT ${key}::text ${from} ORDER BY ${key} LIMIT 1), (SELECT ${key}::text ${from} ORDER BY ${key} DESC LIMIT 1)`
      : `min(${key})::text, max(${key})::text ${from}`
  const { rows } = await connection.query(`SELECT ${ends}`)
  const [least, greatest] = rows[0] ?? []
  if (least === undefined || least === null || greatest === undefined || greatest === null) return []
  if (request.kind === 'whole') return splitEvenly(BigInt(least), BigInt(greatest), request.ranges).map(String)
  const points = splitEvenly(uuidBits(least), uuidBits(greatest), request.ranges)
  return points.map((bits) => uuidText(uuidDigits(bits)))
}

function conditionOf({ where }: KeySplitRequest): string {
  return where === undefined ? '' : ` WHERE ${conjunction([where])}`
}
