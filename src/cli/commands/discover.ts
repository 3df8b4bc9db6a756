import { type DiscoveredTable, type Discovery, discover } from '../../run/discover.js'
import type { ColumnProfile, TableProfile } from '../../run/profile.js'
import { Workspace } from '../../run/workspace.js'
import type { Output } from '../output.js'
import { printable } from '../printable.js'
import type { CommandContext, GlobalOptions } from '../program.js'
import { formatBytes, formatCount, formatTable } from '../table.js'
import { wholeNumber } from '../whole-number.js'

export interface DiscoverCommandOptions {
  readonly schema?: string
  readonly profile?: boolean
  readonly refresh?: boolean
  readonly rows: string
  readonly timeout: string
}

/** `airlock discover CONNECTION [TABLE]`: what there is to read, from the server's catalogue. */
export async function discoverCommand(
  context: CommandContext,
  common: GlobalOptions,
  connection: string,
  table: string | undefined,
  options: DiscoverCommandOptions,
): Promise<void> {
  const { output, signal } = context
  const rows = wholeNumber('--rows', options.rows, 1_000_000)
  const timeoutMs = wholeNumber('--timeout', options.timeout, 3600) * 1000
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const found = await discover(
    workspace,
    connection,
    {
      ...(options.schema === undefined ? {} : { schema: options.schema }),
      ...(table === undefined ? {} : { table }),
      ...(options.profile === true ? { profile: { rows, timeoutMs } } : {}),
      refresh: options.refresh === true,
      showTopology: common.showTopology === true,
    },
    signal,
  )
  if (found.age_ms !== null) {
    output.note(`as it was ${Math.round(found.age_ms / 1000)} seconds ago; --refresh asks the server`)
  }
  output.result(found, table === undefined ? formatTables(found, output) : formatOne(found, output))
}

function formatTables({ server, tables }: Discovery, output: Output): string {
  if (tables.length === 0) return `${output.bold(server)}: no table that this user may use`
  const rows = tables.map((table) => [
    nameOf(table),
    table.kind,
    String(table.columns.length),
    names(table.primary_key),
    table.estimated_rows === null ? '' : formatCount(table.estimated_rows),
    table.estimated_bytes === null ? '' : formatBytes(table.estimated_bytes),
  ])
  return `${output.bold(server)}\n${formatTable(['table', 'kind', 'columns', 'primary key', 'about rows', 'size'], rows)}`
}

function formatOne({ server, tables, profile }: Discovery, output: Output): string {
  return tables.map((table) => formatDetails(server, table, profile, output)).join('\n\n')
}

function formatDetails(server: string, table: DiscoveredTable, profile: TableProfile | null, output: Output): string {
  const estimate = table.estimated_rows === null ? '' : `, about ${formatCount(table.estimated_rows)} rows`
  const columns = table.columns.map((column) => [
    printable(column.name),
    printable(column.source_type),
    column.type,
    column.nullable ? '' : 'required',
    column.key_position === 0 ? '' : `key ${column.key_position}`,
  ])
  return [
    `${output.bold(nameOf(table))} (${table.kind}${estimate}, ${server})`,
    formatTable(['column', 'source', 'type', 'nulls', 'key'], columns),
    ...table.unique_keys.map((key) => `  unique: ${names(key)}`),
    ...table.foreign_keys.map(
      (key) =>
        `  ${names(key.columns)} → ${nameOf({ schema: key.schema, name: key.table })} (${names(key.references)})`,
    ),
    ...(profile === null ? [] : [formatProfile(profile, output)]),
  ].join('\n')
}

function formatProfile(profile: TableProfile, output: Output): string {
  const { rows_read: read } = profile
  const rows = profile.columns.map((column) => [
    printable(column.name),
    read === 0 ? '' : `${Math.round((100 * column.nulls) / read)} %`,
    formatCount(column.distinct),
    range(column),
    column.shapes.map(({ shape }) => shape).join('  '),
  ])
  const which = profile.complete ? `all ${formatCount(read)} rows` : `the first ${formatCount(read)} rows`
  return `${output.bold(`profile of ${which}`)}\n${formatTable(['column', 'null', 'distinct', 'range', 'shapes'], rows)}`
}

function range({ min_length, max_length, first_year, last_year }: ColumnProfile): string {
  if (first_year !== null) return first_year === last_year ? first_year : `${first_year} to ${last_year}`
  if (min_length === null) return ''
  return min_length === max_length ? `${min_length} bytes` : `${min_length} to ${max_length} bytes`
}

function nameOf({ schema, name }: Pick<DiscoveredTable, 'schema' | 'name'>): string {
  return printable(schema === null ? name : `${schema}.${name}`)
}

function names(columns: readonly string[]): string {
  return printable(columns.join(', '))
}
