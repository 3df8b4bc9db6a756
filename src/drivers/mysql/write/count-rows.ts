import type { MysqlConnection } from '../native.js'
import { quoteName } from '../sql.js'
import { type LoadPlan, VALID_TO } from './load-plan.js'
import { countMatched, sameKey, stagingTable } from './staging.js'

export async function countTable(connection: MysqlConnection, table: string, where = ''): Promise<number> {
  const { rows } = await connection.query(`SELECT COUNT(*) FROM ${table}${where === '' ? '' : ` WHERE ${where}`}`)
  return Number(rows[0]?.[0])
}

/** Counts the staged rows whose key the target has. In a locking read: it sees what others have committed meanwhile too. */
export async function countKeys(connection: MysqlConnection, load: LoadPlan): Promise<number> {
  const current = load.strategy === 'scd2' ? ` AND t.${quoteName(VALID_TO)} IS NULL` : ''
  const { rows } = await connection.query(
    `SELECT ${load.strategy === 'scd2' ? 'COUNT(DISTINCT s._airlock_arrival)' : countMatched(load)} FROM ${stagingTable(load)} AS s
      JOIN ${load.table} AS t ON ${sameKey(load)}${current} LOCK IN SHARE MODE`,
  )
  return Number(rows[0]?.[0])
}
