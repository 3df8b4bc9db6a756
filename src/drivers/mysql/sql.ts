import { parseTableName } from '../../core/table-name.js'

/** A name as MySQL reads it whatever `sql_mode` says. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

export function nameList(names: readonly string[], alias = ''): string {
  const prefix = alias === '' ? '' : `${alias}.`
  return names.map((name) => prefix + quoteName(name)).join(', ')
}

/** A text literal; the session runs without NO_BACKSLASH_ESCAPES, so both characters are escaped. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** `schema.name` with each part quoted. */
export function quoteTable(table: string): string {
  const { schema, name } = parseTableName(table)
  return schema === undefined ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

/** How long a statement waits for those who alter its table, or hold its rows. */
export const LOCK_WAIT_SECONDS = 30

/** Pins what would make the same value read differently from one server to the next. */
export function sessionSettings(statementTimeoutMs: number | undefined, mariadb: boolean): readonly string[] {
  const mode =
    'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'
  const settings = [
    'SET NAMES utf8mb4',
    `SET SESSION time_zone = '+00:00', sql_mode = '${mode}', net_write_timeout = 600, net_read_timeout = 600, lock_wait_timeout = ${LOCK_WAIT_SECONDS},
      innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, sql_notes = 1, sql_safe_updates = 0, foreign_key_checks = 1,
      unique_checks = 1, autocommit = 1`,
    'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
  ]
  // MySQL 8 lets only administrators set it, for their own session too.
  if (mariadb) settings.push('SET SESSION max_error_count = 64')
  if (statementTimeoutMs !== undefined) {
    settings.push(
      mariadb
        ? `SET SESSION max_statement_time = ${statementTimeoutMs / 1000}`
        : `SET SESSION max_execution_time = ${statementTimeoutMs}`,
    )
  }
  return settings
}
