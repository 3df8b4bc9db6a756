import type { KeyBounds, KeyBoundsRequest } from '../../../core/driver.js'
import type { MysqlConnection } from '../native.js'
import { quoteName, quoteTable } from '../sql.js'
import { conjunction } from './bounded-read.js'

/** The least and the greatest value of a column of whole numbers, of the rows that `where` takes; undefined where there is
 * none. Without a condition both come from the ends of the key's index. */
export async function keyBounds(
  connection: MysqlConnection,
  { table, column, where }: KeyBoundsRequest,
): Promise<KeyBounds | undefined> {
  const key = quoteName(column)
  const condition = where === undefined ? '' : ` WHERE ${conjunction([where])}`
  const { rows } = await connection.query(`SELECT MIN(${key}), MAX(${key}) FROM ${quoteTable(table)}${condition}`)
  const [least, greatest] = rows[0] ?? []
  if (least === undefined || least === null || greatest === undefined || greatest === null) return undefined
  // ZEROFILL puts zeros in front.
  return { least: BigInt(least).toString(), greatest: BigInt(greatest).toString() }
}
