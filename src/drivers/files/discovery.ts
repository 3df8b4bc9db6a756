import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalog, CatalogTable, DiscoverRequest } from '../../core/driver.js'
import { AirlockError } from '../../errors/index.js'
import type { FilesConfig } from './config.js'
import { fileShape, type OpenFile } from './read/file-shape.js'
import type { FoundFile, Root } from './root.js'
import { COMPRESSION_EXTENSIONS, type FileName, fileNames, kindOf } from './table-file.js'

/** Opens files that were found; a session. */
export interface FoundOpener {
  openFound(found: FoundFile): Promise<OpenFile & AsyncDisposable>
}

/** The files of the root and of the folders in it that hold tables, with their columns. A folder is a schema; that of the
 * root is empty. Hidden files, links and files of other kinds are left out. A file without a readable beginning has no
 * columns. */
export async function discoverFiles(
  root: Root,
  opener: FoundOpener,
  config: FilesConfig,
  request: DiscoverRequest,
  signal: AbortSignal,
): Promise<Catalog> {
  const tables: CatalogTable[] = []
  for (const name of await filesOf(root, config, request)) {
    const found = await root.find([name])
    if (found === undefined) continue
    await using file = await opener.openFound(found)
    const columns = await fileShape(file, config, signal).then(
      ({ columns: all }) => all.map(({ column }) => column),
      unreadable,
    )
    tables.push({
      schema: name.folders.join('/'),
      name: tableName(name, config),
      kind: 'table',
      columns,
      primaryKey: [],
      uniqueKeys: [],
      foreignKeys: [],
      estimatedRows: undefined,
      estimatedBytes: found.stats.size,
    })
  }
  return { server: 'files', tables }
}

async function filesOf(root: Root, config: FilesConfig, request: DiscoverRequest): Promise<readonly FileName[]> {
  if (request.table !== undefined) return fileNames(request.table, config)
  const folders: (readonly string[])[] = []
  if (request.schema === undefined || request.schema === '') folders.push([])
  for (const entry of await readdir(root.path, { withFileTypes: true })) {
    const wanted = request.schema === undefined || request.schema === entry.name
    if (entry.isDirectory() && !entry.name.startsWith('.') && wanted) folders.push([entry.name])
  }
  const names: FileName[] = []
  for (const folder of folders) {
    for (const base of await readdir(join(root.path, ...folder))) {
      const kind = base.startsWith('.') ? undefined : kindOf(base)
      if (kind === undefined) continue
      if ((await lstat(join(root.path, ...folder, base))).isFile()) names.push({ folders: folder, base, ...kind })
    }
  }
  return names.toSorted((a, b) => compare(a.folders.join('/'), b.folders.join('/')) || compare(a.base, b.base))
}

/** What a stream calls the file: without the extension where that is the connection's own. */
function tableName({ base, format, compression }: FileName, config: FilesConfig): string {
  const extension = `.${format}${COMPRESSION_EXTENSIONS[compression]}`
  const own = format === config.format && (config.compression === undefined || config.compression === compression)
  return own && base.endsWith(extension) ? base.slice(0, -extension.length) : base
}

/** What is wrong with a file is told when it is read. */
function unreadable(error: unknown): [] {
  if (error instanceof AirlockError && error.code === 'FILE_INVALID') return []
  throw error
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
