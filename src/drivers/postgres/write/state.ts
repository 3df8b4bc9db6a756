import type { SavedState, StateKey, WritePlan } from '../../../core/driver.js'
import type { PostgresConnection } from '../native.js'
import { quoteName } from '../sql.js'
import type { Transactions } from '../transaction.js'

/** Where writes keep their state: this table of the schema that is current in the connection, whatever schema the data
 * goes to, so that reading it needs no more than the connection. */
const TABLE = '_airlock_state'

/** Any number will do that nobody else locks: the first bytes of "airlock". */
const LOCK = 0x6169726c

/** Saves the plan's state in the transaction of the data, where it has any. */
export async function saveState(connection: PostgresConnection, plan: WritePlan): Promise<void> {
  const value = plan.state?.value()
  if (plan.state === undefined || value === undefined) return
  await putState(connection, plan.state.key, value)
}

/** Saves one value; inside a transaction. */
export async function putState(
  connection: PostgresConnection,
  { pipeline, stream }: StateKey,
  value: string,
): Promise<void> {
  const table = (await stateTable(connection)) ?? (await createStateTable(connection))
  await connection.query(
    `INSERT INTO ${table} (pipeline, stream, value, saved_at) VALUES ($1, $2, $3, clock_timestamp())
      ON CONFLICT (pipeline, stream) DO UPDATE SET value = excluded.value, saved_at = excluded.saved_at`,
    [pipeline, stream, value],
  )
}

/** One value, which nobody else can change until the transaction ends; undefined where there is none. */
export async function lockedState(
  connection: PostgresConnection,
  { pipeline, stream }: StateKey,
): Promise<string | undefined> {
  const table = (await stateTable(connection)) ?? (await createStateTable(connection))
  // A row that is not there cannot be locked.
  await connection.query(`SELECT pg_advisory_xact_lock(${LOCK}, hashtext($1))`, [`${pipeline} ${stream}`])
  const { rows } = await connection.query(`SELECT value FROM ${table} WHERE pipeline = $1 AND stream = $2 FOR UPDATE`, [
    pipeline,
    stream,
  ])
  return rows[0]?.[0] ?? undefined
}

/** State of one pipeline, or of all; none where no write has saved any. */
export async function readState(
  connection: PostgresConnection,
  transactions: Transactions,
  pipeline: string | undefined,
): Promise<readonly SavedState[]> {
  return await transactions.reading(async () => {
    const table = await stateTable(connection)
    if (table === undefined) return []
    const { rows } = await connection.query(
      `SELECT pipeline, stream, value, to_char(saved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        FROM ${table} WHERE $1::text IS NULL OR pipeline = $1::text ORDER BY pipeline, stream`,
      [pipeline ?? null],
    )
    return rows.map(([of, stream, value, savedAt]) => ({
      pipeline: of!,
      stream: stream!,
      value: value!,
      savedAt: savedAt!,
    }))
  })
}

/** Forgets the state of one stream. */
export async function resetState(
  connection: PostgresConnection,
  transactions: Transactions,
  { pipeline, stream }: StateKey,
): Promise<void> {
  await transactions.begin()
  try {
    const table = await stateTable(connection)
    if (table !== undefined) {
      await connection.query(`DELETE FROM ${table} WHERE pipeline = $1 AND stream = $2`, [pipeline, stream])
    }
    await transactions.commit()
  } catch (error) {
    await transactions.rollback()
    throw error
  }
}

/** The table, quoted; undefined where there is none. */
async function stateTable(connection: PostgresConnection): Promise<string | undefined> {
  const { rows } = await connection.query(
    `SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = $1 AND n.nspname = current_schema() AND c.relkind = 'r'`,
    [TABLE],
  )
  const schema = rows[0]?.[0]
  return schema === undefined || schema === null ? undefined : `${quoteName(schema)}.${quoteName(TABLE)}`
}

/** Two first writes at a time would both create it: the second waits until the first has ended. */
async function createStateTable(connection: PostgresConnection): Promise<string> {
  await connection.query(`SELECT pg_advisory_xact_lock(${LOCK})`)
  await connection.query(
    `CREATE TABLE IF NOT EXISTS ${quoteName(TABLE)} (pipeline text, stream text, value text NOT NULL,
      saved_at timestamp(6) with time zone NOT NULL, PRIMARY KEY (pipeline, stream))`,
  )
  return (await stateTable(connection)) ?? quoteName(TABLE)
}
