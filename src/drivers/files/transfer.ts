import { createReadStream } from 'node:fs'
import { filesConfig } from './config.js'
import { refused } from './errors.js'
import { type FoundFile, findFile, Root } from './root.js'
import { fileNames, printablePath } from './table-file.js'
import { FileLock } from './write/file-lock.js'
import { StagedFile } from './write/staged-file.js'

/** A file of a table, for whoever takes it to another machine. */
export interface TableFile {
  /** Below the root, with `/`. */
  readonly path: string
  readonly bytes: number
  read(): Promise<Buffer>
}

/** The file that a table's name stands for. Throws TABLE_NOT_FOUND and FILE_REFUSED as reading its rows would. */
export async function fileOfTable(settings: Readonly<Record<string, unknown>>, table: string): Promise<TableFile> {
  const config = filesConfig.parse(settings)
  const root = await Root.open(config.root)
  const found: FoundFile = await findFile(root, fileNames(table, config))
  return {
    path: printablePath(found.name),
    bytes: found.stats.size,
    async read() {
      const handle = await root.read(found)
      try {
        return await handle.readFile()
      } finally {
        await handle.close()
      }
    },
  }
}

/** Puts a file that was made elsewhere into the place of a table, in one step and under the table's lock. `path` is below
 * the root; whoever sent it is not trusted: FILE_REFUSED where it leads out of it or is no file of a table. */
export async function placeTableFile(
  settings: Readonly<Record<string, unknown>>,
  path: string,
  from: string,
  signal: AbortSignal,
): Promise<void> {
  const config = filesConfig.parse(settings)
  const root = await Root.open(config.root)
  const [name, ...others] = fileNames(`"${path.replaceAll('"', '""')}"`, config)
  if (name === undefined || others.length > 0 || printablePath(name) !== path) throw refused('it is no file of a table')
  const existing = await root.find([name])
  await using folder = await root.prepare(name)
  const lock = await FileLock.acquire(folder.path, name.base, config.lock_timeout_ms, signal)
  try {
    const staged = await StagedFile.create(folder.path, name.base, 'none')
    try {
      for await (const chunk of createReadStream(from)) await staged.write(chunk as Uint8Array)
      await staged.finish()
    } catch (error) {
      await staged.abandon()
      throw error
    }
    const mode = config.mode === undefined ? (existing?.stats.mode ?? 0o600) & 0o777 : Number.parseInt(config.mode, 8)
    await staged.commit(name.base, { mode, owner: undefined })
  } finally {
    await lock.release()
  }
}
