import { parseTableName } from '../../core/table-name.js'
import type { Statement } from './transaction.js'

/** A name, always quoted: reserved words, capitals and spaces stay what they are. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as a literal; `standard_conforming_strings` is on. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** `schema.name` with each part quoted. */
export function quoteTable(table: string): string {
  const { schema, name } = parseTableName(table)
  return schema === undefined ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

/** The bytes of a name that Postgres keeps (NAMEDATALEN - 1). */
const NAME_BYTES = 63

/** A name as the catalogue will have it: Postgres cuts longer ones at a character, with no more than a notice. */
export function fitName(name: string): string {
  let bytes = 0
  let end = 0
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > NAME_BYTES) return name.slice(0, end)
    end += character.length
  }
  return name
}

export function nameList(names: readonly string[]): string {
  return names.map(quoteName).join(', ')
}

/** Pins what would make the same value read differently from one server to the next, and sets the server's own belts: for
 * the session, or for one transaction, which leaves nothing behind in a session that others use next. A setting that
 * this server does not know is skipped. */
export function pinSettings(
  scope: 'session' | 'transaction',
  timeouts: { readonly statementMs: number | undefined; readonly idleMs: number | undefined },
): Statement {
  const { statementMs, idleMs } = timeouts
  const settings: Record<string, string> = {
    client_encoding: 'UTF8',
    TimeZone: 'UTC',
    DateStyle: 'ISO, YMD',
    IntervalStyle: 'iso_8601',
    bytea_output: 'hex',
    extra_float_digits: '1',
    standard_conforming_strings: 'on',
    lock_timeout: '30s',
    statement_timeout: statementMs === undefined ? '0' : `${statementMs}ms`,
    idle_in_transaction_session_timeout: '10min',
    // Of 17 and later: how long a transaction takes is a matter of how many rows there are.
    transaction_timeout: '0',
    client_connection_check_interval: '1s',
    // Between two transactions a pooled session belongs to the pooler.
    ...(idleMs === undefined || scope === 'transaction' ? {} : { idle_session_timeout: `${idleMs}ms` }),
  }
  const names = Object.keys(settings)
  const rows = names.map((_, index) => `($${index * 2 + 1}, $${index * 2 + 2})`)
  return {
    text: `SELECT set_config(s.name, wanted.value, ${scope === 'transaction'}) FROM (VALUES ${rows.join(', ')}) AS wanted (name, value)
      JOIN pg_catalog.pg_settings s ON lower(s.name) = lower(wanted.name)`,
    values: names.flatMap((name) => [name, settings[name]!]),
  }
}

/** Superuser, and whether anything of this database may be changed. */
export const PRIVILEGES = `
  SELECT r.rolsuper, r.rolsuper OR has_database_privilege(current_database(), 'CREATE')
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND has_schema_privilege(n.oid, 'CREATE'))
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`
