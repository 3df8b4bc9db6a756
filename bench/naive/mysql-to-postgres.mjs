/** mysql2 and pg as one finds them in many scripts. It has what it takes to arrive with the same content: dates and big
 * numbers as text, one time zone, and doubles from their digits, since the library's own parser misses some by an ulp. */
import mysql from 'mysql2'
import { insertRows } from './insert-rows.mjs'

const job = JSON.parse(process.env['BENCH_JOB'] ?? '')
const connection = mysql.createConnection({
  ...job.source,
  rowsAsArray: true,
  dateStrings: true,
  supportBigNumbers: true,
  bigNumberStrings: true,
  timezone: 'Z',
  typeCast: (field, next) => (field.type === 'DOUBLE' ? Number(field.string()) : next()),
})
await connection.promise().query("SET time_zone = '+00:00'")
const sql = `SELECT ${job.columns.join(', ')} FROM ${job.table}`
const rows = job.read === 'stream' ? connection.query(sql).stream() : (await connection.promise().query(sql))[0]
await insertRows(job, rows)
await connection.promise().end()
