import { type KeySplitRequest, splitEvenly, uuidBits, uuidDigits, uuidText } from '../../../core/key-split.js'
import type { MysqlConnection } from '../native.js'
import { quoteName, quoteTable, quoteText } from '../sql.js'
import { conjunction } from './bounded-read.js'

/** Where the ranges of a table begin: in equal steps from the least key to the greatest. Without a condition both come from
 * the ends of the key's index. */
export async function splitKey(connection: MysqlConnection, request: KeySplitRequest): Promise<readonly string[]> {
  if (request.kind === 'whole') {
    const ends = await endsOf(connection, request, (key) => key)
    // ZEROFILL puts zeros in front.
    return ends === undefined ? [] : splitEvenly(BigInt(ends[0]), BigInt(ends[1]), request.ranges).map(String)
  }
  const { fields } = await connection.query(
    `SELECT ${quoteName(request.column)} FROM ${quoteTable(request.table)} LIMIT 0`,
  )
  if (fields[0]?.extended === 'uuid') return await splitUuids(connection, request)
  const ends = await endsOf(connection, request, (key) => `HEX(${key})`)
  if (ends === undefined) return []
  return splitEvenly(uuidBits(ends[0]), uuidBits(ends[1]), request.ranges).map(uuidDigits)
}

/** MariaDB's own type does not sort by its text: up to version 5 the last group comes first. What the points are is a guess
 * at that, their order is the server's. */
async function splitUuids(connection: MysqlConnection, request: KeySplitRequest): Promise<readonly string[]> {
  const ends = await endsOf(connection, request, (key) => key)
  if (ends === undefined) return []
  const turned = ends.some((uuid) => versionOf(uuid) < '6')
  const [least, greatest] = ends.map((uuid) => uuidBits(turned ? lastFirst(uuid) : uuid)) as [bigint, bigint]
  if (greatest <= least) return []
  const points = splitEvenly(least, greatest, request.ranges).map((bits) => {
    const digits = uuidDigits(bits)
    return likeAnother(turned ? firstAgain(digits) : uuidText(digits), ends[0])
  })
  if (points.length === 0) return []
  const list = points.map((uuid) => `SELECT CAST(${quoteText(uuid)} AS UUID) AS point`)
  const { rows } = await connection.query(`${list.join(' UNION ')} ORDER BY point`)
  return rows.flatMap(([point]) => point ?? [])
}

function versionOf(uuid: string): string {
  return uuid.charAt(14)
}

/** 32 digits in the order in which the server compares them. */
function lastFirst(uuid: string): string {
  return uuid.split('-').reverse().join('')
}

function firstAgain(digits: string): string {
  return digits.replace(/^(.{12})(.{4})(.{4})(.{4})(.{8})$/, '$5-$4-$3-$2-$1')
}

/** With the version and the variant of another: they tell the server which order it is, and not all go together. */
function likeAnother(uuid: string, like: string): string {
  return `${uuid.slice(0, 14)}${versionOf(like)}${uuid.slice(15, 19)}${like.charAt(19)}${uuid.slice(20)}`
}

async function endsOf(
  connection: MysqlConnection,
  { table, column, where }: KeySplitRequest,
  read: (expression: string) => string,
): Promise<readonly [least: string, greatest: string] | undefined> {
  const key = quoteName(column)
  const condition = where === undefined ? '' : ` WHERE ${conjunction([where])}`
  const list = [`MIN(${key})`, `MAX(${key})`].map(read).join(', ')
  const { rows } = await connection.query(`SELECT ${list} FROM ${quoteTable(table)}${condition}`)
  const [least, greatest] = rows[0] ?? []
  if (least === undefined || least === null || greatest === undefined || greatest === null) return undefined
  return [least, greatest]
}
