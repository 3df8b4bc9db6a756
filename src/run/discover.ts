import { createHash } from 'node:crypto'
import type { CacheHit } from '../cache/index.js'
import { formatType } from '../core/column-type.js'
import type { Catalog, CatalogTable, DiscoverRequest } from '../core/driver.js'
import { serverAddress } from '../core/server-address.js'
import { findDriver } from '../drivers/builtin.js'
import { AirlockError } from '../errors/index.js'
import { profileTable, type TableProfile } from './profile.js'
import type { Workspace } from './workspace.js'

export interface DiscoverOptions extends DiscoverRequest {
  /** Reads rows of `table` and says what they look like. */
  readonly profile?: { readonly rows: number; readonly timeoutMs: number }
  /** Asks the server, whatever is kept. */
  readonly refresh?: boolean
  /** Names the database of the connection where it is the schema of a table. */
  readonly showTopology?: boolean
}

/** A table as `--json` and people see it. `schema` is null where it is the database of the connection itself, which is
 * topology. */
export interface DiscoveredTable {
  readonly schema: string | null
  readonly name: string
  readonly kind: CatalogTable['kind']
  readonly columns: readonly DiscoveredColumn[]
  readonly primary_key: readonly string[]
  readonly unique_keys: readonly (readonly string[])[]
  readonly foreign_keys: readonly {
    readonly columns: readonly string[]
    readonly schema: string | null
    readonly table: string
    readonly references: readonly string[]
  }[]
  readonly estimated_rows: number | null
  readonly estimated_bytes: number | null
}

export interface DiscoveredColumn {
  readonly name: string
  readonly type: string
  readonly source_type: string
  readonly nullable: boolean
  /** 1-based position in the primary key, or 0. */
  readonly key_position: number
}

export interface Discovery {
  readonly server: string
  readonly tables: readonly DiscoveredTable[]
  /** How old what was kept is, in milliseconds; null where the server was asked. */
  readonly age_ms: number | null
  /** Of the one table, where it was asked for. */
  readonly profile: TableProfile | null
}

/** What a connection leads to, from the server's catalogue. Throws TABLE_NOT_FOUND, UNSUPPORTED for a driver without a
 * catalogue, USAGE for a profile of no one table. */
export async function discover(
  workspace: Workspace,
  connection: string,
  options: DiscoverOptions,
  signal: AbortSignal,
): Promise<Discovery> {
  const { profile, table } = options
  if (profile !== undefined && table === undefined) {
    throw new AirlockError('USAGE', { phase: 'config', params: { problem: '--profile needs a table' } })
  }
  const hidden = options.showTopology === true ? undefined : await databaseOf(workspace, connection)
  const shown = (schema: string) => (schema === hidden ? null : schema)
  const { value: catalog, source, ageMs } = await catalogue(workspace, connection, options, signal)
  const [first] = catalog.tables
  return {
    server: catalog.server,
    age_ms: source === 'load' ? null : ageMs,
    tables: catalog.tables.map((found) => describe(found, shown)),
    profile:
      profile === undefined || first === undefined
        ? null
        : await profileOf(workspace, connection, first, profile, signal),
  }
}

/** The catalogue as it is kept, or as the server gives it. What was kept under other settings does not count. */
async function catalogue(
  workspace: Workspace,
  connection: string,
  options: DiscoverOptions,
  signal: AbortSignal,
): Promise<CacheHit<Catalog>> {
  const { driver, written } = workspace.config.declaration(connection)
  const dependsOn = createHash('sha256')
    .update(JSON.stringify([driver, written]))
    .digest('hex')
  const key = ['catalogue', connection, options.schema ?? null, options.table ?? null] as const
  const cache = await workspace.catalogues()
  // A profile is of the rows of now, and so are its columns.
  if (options.refresh === true || options.profile !== undefined) await cache.invalidate(key)
  const load = async (ofLoad: AbortSignal) => {
    await using session = await workspace.connect(connection, ofLoad)
    return await session.discover(requestOf(options), ofLoad)
  }
  return await cache.get(key, load, { dependsOn, signal })
}

async function profileOf(
  workspace: Workspace,
  connection: string,
  table: CatalogTable,
  limits: NonNullable<DiscoverOptions['profile']>,
  signal: AbortSignal,
): Promise<TableProfile> {
  await using session = await workspace.connect(connection, signal)
  return await workspace.audited(
    'profile',
    { connection, max_rows: limits.rows },
    () => profileTable(session, nameOf(table), limits, signal),
    ({ rows_read }) => ({ rows: rows_read }),
  )
}

function requestOf({ schema, table }: DiscoverOptions): DiscoverRequest {
  return { ...(schema === undefined ? {} : { schema }), ...(table === undefined ? {} : { table }) }
}

function describe(table: CatalogTable, shown: (schema: string) => string | null): DiscoveredTable {
  return {
    schema: shown(table.schema),
    name: table.name,
    kind: table.kind,
    columns: table.columns.map(({ name, type, sourceType, nullable, keyPosition }) => ({
      name,
      type: formatType(type),
      source_type: sourceType,
      nullable,
      key_position: keyPosition,
    })),
    primary_key: table.primaryKey,
    unique_keys: table.uniqueKeys,
    foreign_keys: table.foreignKeys.map((key) => ({ ...key, schema: shown(key.schema) })),
    estimated_rows: table.estimatedRows ?? null,
    estimated_bytes: table.estimatedBytes ?? null,
  }
}

/** The database that the configuration names, which is the schema of its tables in MySQL. */
async function databaseOf(workspace: Workspace, connection: string): Promise<string | undefined> {
  const { driver, settings } = await workspace.config.connection(connection)
  const found = findDriver(driver)
  if (found === undefined || !('urlSchemes' in found.spec)) return undefined
  const address: { readonly database?: unknown } = serverAddress(found.spec, settings)
  return typeof address.database === 'string' ? address.database : undefined
}

function nameOf({ schema, name }: CatalogTable): string {
  return [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}
