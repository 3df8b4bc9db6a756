import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { AirlockError } from '../../errors/index.js'
import { errnoOf, refused } from './errors.js'
import type { FileName } from './table-file.js'

/** `O_NOFOLLOW` where the system has it. */
const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0
/** A pipe without a writer would hold up whoever opens it. */
const NON_BLOCK: number = constants.O_NONBLOCK ?? 0

/** How often a file is opened that was replaced at that very moment. */
const OPEN_TRIES = 10

/** A file that was found, and where. */
export interface FoundFile {
  readonly name: FileName
  readonly path: string
  readonly stats: Stats
}

/** The folder that a connection may touch. Every path is resolved by the operating system and compared with the root's own
 * before a file is opened, and again when it is open; the last part of a path may not be a symbolic link. */
export class Root {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Throws TABLE_NOT_FOUND (as ENOENT) where there is no such folder, FILE_REFUSED where it is a file. */
  static async open(path: string): Promise<Root> {
    const real = await realpath(path)
    if (!(await stat(real)).isDirectory()) throw refused('the root is not a folder')
    return new Root(real)
  }

  /** The one of these files that exists; undefined where none does. Throws FILE_REFUSED where several do. */
  async find(names: readonly FileName[]): Promise<FoundFile | undefined> {
    const found: FoundFile[] = []
    for (const name of names) {
      const path = join(this.path, ...name.folders, name.base)
      const stats = await lstat(path).catch(absent)
      if (stats === undefined) continue
      await this.#folder(name)
      if (stats.isSymbolicLink()) throw refused('it is a symbolic link')
      if (!stats.isFile()) throw refused('it is not a regular file')
      found.push({ name, path, stats })
    }
    if (found.length > 1) throw refused('several files have the name of the table; name one with its extension')
    return found[0]
  }

  /** Opens a file for reading. Its owner closes the handle. Throws FILE_REFUSED and what opening throws. */
  async read(file: FoundFile): Promise<FileHandle> {
    for (let tries = 1; ; tries++) {
      const handle = await open(file.path, constants.O_RDONLY | NO_FOLLOW | NON_BLOCK).catch((error: unknown) => {
        throw errnoOf(error) === 'ELOOP' ? refused('it is a symbolic link') : error
      })
      let mine = false
      try {
        const opened = await handle.stat()
        if (!opened.isFile()) throw refused('it is not a regular file')
        // A folder of the path may have been exchanged since it was looked at; so may the file, by whoever replaces it.
        await this.#folder(file.name)
        const named = await lstat(file.path).catch(absent)
        mine = named?.ino === opened.ino && named.dev === opened.dev
        if (mine) return handle
        if (tries === OPEN_TRIES) throw refused('it is replaced again and again')
      } finally {
        if (!mine) await handle.close()
      }
    }
  }

  /** The folder of a file that will be written, created where it does not exist. Gives the first folder that was created. */
  async prepare(name: FileName): Promise<{ readonly folder: string; readonly created: string | undefined }> {
    let at = this.path
    let created: string | undefined
    for (const part of name.folders) {
      at = join(at, part)
      const stats = await lstat(at).catch(absent)
      if (stats === undefined) {
        const made = await mkdir(at, { mode: 0o700 }).then(() => at, existing)
        created ??= made
      }
      this.#contain(await realpath(at))
    }
    return { folder: await this.#folder(name), created }
  }

  async #folder(name: FileName): Promise<string> {
    const folder = await realpath(join(this.path, ...name.folders))
    this.#contain(folder)
    return folder
  }

  #contain(real: string): void {
    const below = relative(this.path, real)
    if (below === '..' || below.startsWith('../') || below.startsWith('..\\') || isAbsolute(below)) {
      throw refused('it is outside of the root')
    }
  }
}

/** The file of a table that has to exist. */
export async function findFile(root: Root, names: readonly FileName[]): Promise<FoundFile> {
  const found = await root.find(names)
  if (found === undefined) throw new AirlockError('TABLE_NOT_FOUND', { phase: 'extract' })
  return found
}

/** For `lstat`: nothing is there. */
function absent(error: unknown): undefined {
  const errno = errnoOf(error)
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
  throw error
}

/** Somebody else created the folder at the same time. */
function existing(error: unknown): undefined {
  if (errnoOf(error) === 'EEXIST') return undefined
  throw error
}
