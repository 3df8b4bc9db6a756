import type { SavedState, StateKey } from '../../../core/driver.js'
import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { quoteName, quoteText } from '../sql.js'

/** Where writes keep their state: this table of the connection's database, whatever schema the data goes to. */
const TABLE = '_airlock_state'

/** Creates the table where it is missing; CREATE commits, so that this is done before the transaction. Throws
 * CONFIG_INVALID where the connection names no database. */
export async function ensureStateTable(connection: MysqlConnection): Promise<void> {
  if (await hasStateTable(connection)) return
  // In a binary collation: pipelines may be called a and A.
  await connection.execute(
    `CREATE TABLE IF NOT EXISTS ${quoteName(TABLE)} (pipeline varchar(255) NOT NULL, stream varchar(255) NOT NULL,
      value longtext NOT NULL, saved_at datetime(6) NOT NULL, PRIMARY KEY (pipeline, stream))
      ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  )
}

/** Saves the state of one stream; inside the transaction of its data. */
export async function saveState(
  connection: MysqlConnection,
  { pipeline, stream }: StateKey,
  value: string,
): Promise<void> {
  await connection.execute(
    `INSERT INTO ${quoteName(TABLE)} (pipeline, stream, value, saved_at)
      VALUES (${[pipeline, stream, value].map(quoteText).join(', ')}, UTC_TIMESTAMP(6))
      ON DUPLICATE KEY UPDATE value = ${quoteText(value)}, saved_at = UTC_TIMESTAMP(6)`,
  )
}

/** Makes sure that there is a row, and locks it: INSERT IGNORE would lock it for sharing only. An empty one never outlives
 * its transaction. */
export async function reserveState(connection: MysqlConnection, { pipeline, stream }: StateKey): Promise<void> {
  await connection.execute(
    `INSERT INTO ${quoteName(TABLE)} (pipeline, stream, value, saved_at)
      VALUES (${[pipeline, stream].map(quoteText).join(', ')}, '', UTC_TIMESTAMP(6))
      ON DUPLICATE KEY UPDATE value = value`,
  )
}

/** One value, which nobody else can change until the transaction ends; undefined where there is none. */
export async function lockedState(
  connection: MysqlConnection,
  { pipeline, stream }: StateKey,
): Promise<string | undefined> {
  const { rows } = await connection.query(
    `SELECT value FROM ${quoteName(TABLE)} WHERE pipeline = ${quoteText(pipeline)} AND stream = ${quoteText(stream)}
      FOR UPDATE`,
  )
  return rows[0]?.[0] || undefined
}

/** State of one pipeline, or of all; none where no write has saved any. */
export async function readState(
  connection: MysqlConnection,
  pipeline: string | undefined,
): Promise<readonly SavedState[]> {
  if (!(await hasStateTable(connection))) return []
  const where = pipeline === undefined ? '' : ` WHERE pipeline = ${quoteText(pipeline)}`
  const { rows } = await connection.query(
    `SELECT pipeline, stream, value, DATE_FORMAT(saved_at, '%Y-%m-%dT%H:%i:%s.%f') FROM ${quoteName(TABLE)}${where}
      ORDER BY pipeline, stream`,
  )
  return rows.map(([of, stream, value, at]) => ({
    pipeline: of!,
    stream: stream!,
    value: value!,
    savedAt: `${at!.slice(0, -3)}Z`,
  }))
}

/** Forgets the state of one stream. */
export async function resetState(connection: MysqlConnection, { pipeline, stream }: StateKey): Promise<void> {
  if (!(await hasStateTable(connection))) return
  await connection.execute(
    `DELETE FROM ${quoteName(TABLE)} WHERE pipeline = ${quoteText(pipeline)} AND stream = ${quoteText(stream)}`,
  )
}

async function hasStateTable(connection: MysqlConnection): Promise<boolean> {
  const { rows } = await connection.query(
    `SELECT DATABASE(), EXISTS (SELECT 1 FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_name = ${quoteText(TABLE)})`,
  )
  if (rows[0]?.[0] !== null) return rows[0]?.[1] === '1'
  const params = { at: 'database', problem: 'state is kept in the database of the connection, and it names none' }
  throw new AirlockError('CONFIG_INVALID', { phase: 'plan', params })
}
