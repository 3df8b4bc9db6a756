import { AirlockError } from '../../../errors/index.js'
import type { MysqlConnection } from '../native.js'
import { nameList, quoteName } from '../sql.js'
import { identityColumn } from './identity.js'
import { type LoadPlan, VALID_FROM, VALID_TO } from './load-plan.js'
import { sameName } from './target.js'
import { columnDefinition } from './types.js'

/** The column that keeps the order of arrival. */
const ARRIVAL = quoteName('_airlock_arrival')

/** Characters of a key column that the staging table's index holds. */
const INDEX_PREFIX = 64

/** The temporary table of a staged load. It belongs to the session, and goes with it. */
export function stagingTable({ place }: Pick<LoadPlan, 'place'>): string {
  return `${place}${quoteName('_airlock_staging')}`
}

function losersTable({ place }: LoadPlan): string {
  return `${place}${quoteName('_airlock_losers')}`
}

/** A table for the rows of a stream that has none yet. The history of `scd2` has two columns more. */
export function createTable(load: LoadPlan, identity: boolean): string {
  const key = tableKey(load)
  const numbered = identity ? identityColumn(load) : undefined
  const lines = load.columns.map(({ name, nullable }) => {
    const definition = columnDefinition(
      load.types.get(name)!,
      !nullable || (key.kind !== 'KEY' && key.columns.includes(name)),
    )
    return `  ${quoteName(name)} ${definition}${name === numbered ? ' AUTO_INCREMENT' : ''}`
  })
  if (load.strategy === 'scd2') {
    lines.push(`  ${quoteName(VALID_FROM)} datetime(6) NOT NULL`, `  ${quoteName(VALID_TO)} datetime(6) NULL`)
  }
  if (key.columns.length > 0) lines.push(`  ${key.kind} (${nameList(key.columns)})`)
  return `CREATE TABLE ${load.table} (\n${lines.join(',\n')}\n) ENGINE = InnoDB ${characterSet(load)}`
}

/** The key of a created table. A primary key takes no NULL, so that where NULL keys are wanted there is an index only. */
function tableKey(load: LoadPlan): { readonly kind: string; readonly columns: readonly string[] } {
  if (load.key.length > 0 && load.policies.null_keys === 'match') return { kind: 'KEY', columns: load.key }
  const columns = load.primaryKey
  return {
    kind: 'PRIMARY KEY',
    columns: load.strategy === 'scd2' && columns.length > 0 ? [...columns, VALID_FROM] : columns,
  }
}

/** The types and collations are those of the target, so that keys are equal here where they are equal there. */
export function createStaging(load: LoadPlan): string {
  const lines = load.columns.map(({ name }) => {
    const type = load.types.get(name)!
    const collation = load.target?.columns.find((column) => column.name === name)?.collation
    const own = collation !== undefined && /char|text|enum|set/.test(type) ? ` COLLATE ${collation}` : ''
    return `${quoteName(name)} ${own === '' ? columnDefinition(type, false) : `${type}${own} NULL`}`
  })
  lines.push(`${ARRIVAL} bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY`)
  if (load.key.length > 0) lines.push(stagingKey(load))
  return `CREATE TEMPORARY TABLE ${stagingTable(load)} (${lines.join(', ')}) ENGINE = InnoDB ${characterSet(load)}`
}

/** The index that duplicates are found by, and rows of the target matched. Kept while the rows come in: to add it later the
 * server would copy the whole table. */
function stagingKey(load: LoadPlan): string {
  const columns = load.key.map((name) => {
    const type = load.types.get(name)!
    const length = Number(/^(?:var)?(?:char|binary)\((\d+)\)/.exec(type)?.[1] ?? 0)
    const prefix = /text|blob|json/.test(type) || length > INDEX_PREFIX ? `(${INDEX_PREFIX})` : ''
    return `${quoteName(name)}${prefix}`
  })
  return `KEY (${columns.join(', ')})`
}

/** Statements that begin and end a staged load; the tables of one that ended badly in this session go first. */
export function dropStaging(load: LoadPlan): string {
  return `DROP TEMPORARY TABLE IF EXISTS ${stagingTable(load)}, ${losersTable(load)}`
}

/** Of the rows of one key the one with the greatest cursor stays, then the last to arrive. A temporary table can be named
 * once in a statement only, so that the losers are listed first. */
export function deleteDuplicates(load: LoadPlan): readonly [list: string, remove: string] {
  const cursor = load.cursor === undefined ? '' : `${quoteName(load.cursor)} DESC, `
  return [
    `CREATE TEMPORARY TABLE ${losersTable(load)} (PRIMARY KEY (${ARRIVAL})) ENGINE = InnoDB SELECT ${ARRIVAL} FROM (SELECT ${ARRIVAL},
      ROW_NUMBER() OVER (PARTITION BY ${nameList(load.key)} ORDER BY ${cursor}${ARRIVAL} DESC) AS place
      FROM ${stagingTable(load)}) AS ranked WHERE place > 1`,
    `DELETE s FROM ${stagingTable(load)} AS s JOIN ${losersTable(load)} AS l ON l.${ARRIVAL} = s.${ARRIVAL}`,
  ]
}

/** Leaves one row of each key in the staging table; returns how many it removed. */
export async function settleDuplicates(connection: MysqlConnection, load: LoadPlan): Promise<number> {
  if (load.key.length === 0) return 0
  const { rows } = await connection.query(
    `SELECT COALESCE(SUM(times - 1), 0) FROM (SELECT COUNT(*) AS times FROM ${stagingTable(load)}
      GROUP BY ${nameList(load.key)} HAVING COUNT(*) > 1) AS twice`,
  )
  const expected = Number(rows[0]?.[0])
  if (expected === 0) return 0
  const [list, remove] = deleteDuplicates(load)
  await connection.execute(list)
  const { affectedRows } = await connection.execute(remove)
  if (affectedRows === expected) return expected
  const problem = `${expected} rows with the key of another one, ${affectedRows} removed`
  throw new AirlockError('COUNT_MISMATCH', { phase: 'verify', params: { problem } })
}

/** Whether the rows `t` of the target and `s` of the staging table have the same key. */
export function sameKey(load: LoadPlan): string {
  const equals = load.policies.null_keys === 'match' ? '<=>' : '='
  return load.key.map((name) => `t.${quoteName(name)} ${equals} s.${quoteName(name)}`).join(' AND ')
}

/** Counts staged rows that the target has, `t` joined with `s`: a key that is unique there meets one row at most. */
export function countMatched(load: LoadPlan): string {
  const unique = load.target?.uniqueKeys.some(
    (columns) =>
      columns.length === load.key.length && columns.every((name) => load.key.some((own) => sameName(own, name))),
  )
  return unique === true && load.policies.null_keys === 'reject' ? 'COUNT(*)' : `COUNT(DISTINCT s.${ARRIVAL})`
}

/** `INSERT INTO target (columns)`. */
export function insertInto(load: LoadPlan, more: readonly string[] = []): string {
  return `INSERT INTO ${load.table} (${nameList([...load.columns.map((column) => column.name), ...more])})`
}

/** The staged rows, in the order in which they came. */
export function selectStaged(load: LoadPlan, more: readonly string[] = [], rest = ''): string {
  const list = [
    nameList(
      load.columns.map((column) => column.name),
      's',
    ),
    ...more,
  ].join(', ')
  return `SELECT ${list} FROM ${stagingTable(load)} AS s${rest} ORDER BY s.${ARRIVAL}`
}

function characterSet({ facts }: LoadPlan): string {
  return `DEFAULT CHARACTER SET utf8mb4 COLLATE ${facts.collation}`
}
