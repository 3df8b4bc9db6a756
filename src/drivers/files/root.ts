import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readlink, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { AirlockError } from '../../errors/index.js'
import { errnoOf, refused } from './errors.js'
import type { FileName } from './table-file.js'

/** `O_NOFOLLOW` where the system has it. */
const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0
/** A pipe without a writer would hold up whoever opens it. */
const NON_BLOCK: number = constants.O_NONBLOCK ?? 0

const DIRECTORY: number = constants.O_DIRECTORY ?? 0

/** A file that was found, and where. */
export interface FoundFile {
  readonly name: FileName
  readonly path: string
  readonly stats: Stats
}

/** The folder of a target. */
export interface TargetFolder extends AsyncDisposable {
  /** Leads to this very folder even if its name is given to another one meanwhile, where the system has such paths. */
  readonly path: string
  /** By its name. */
  readonly named: string
  /** The first folder on the way that was created for it. */
  readonly created: string | undefined
}

/** The folder that a connection may touch. Every path is resolved by the operating system and compared with the root's own
 * before a file is opened, and again when it is open; the last part of a path may not be a symbolic link. */
export class Root {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Throws CONFIG_INVALID where there is no such folder. */
  static async open(path: string): Promise<Root> {
    const stats = await stat(path).catch(absent)
    if (stats === undefined) throw rootProblem('there is no such folder')
    if (!stats.isDirectory()) throw rootProblem('it is not a folder')
    return new Root(await realpath(path))
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
    const handle = await open(file.path, constants.O_RDONLY | NO_FOLLOW | NON_BLOCK).catch((error: unknown) => {
      throw errnoOf(error) === 'ELOOP' ? refused('it is a symbolic link') : error
    })
    try {
      if (!(await handle.stat()).isFile()) throw refused('it is not a regular file')
      // A folder of the path may have been exchanged for a link since it was looked at.
      const real = await pathOf(handle)
      if (real === undefined) await this.#folder(file.name)
      else this.#contain(real)
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The folder of a file that will be written, created where it does not exist. Its owner closes it. */
  async prepare(name: FileName): Promise<TargetFolder> {
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
    const handle = await open(at, constants.O_RDONLY | DIRECTORY)
    try {
      const real = (await pathOf(handle)) ?? (await this.#folder(name))
      this.#contain(real)
      const pinned = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : real
      return { path: pinned, named: at, created, [Symbol.asyncDispose]: () => handle.close() }
    } catch (error) {
      await handle.close()
      throw error
    }
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

function rootProblem(problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'connect', params: { at: 'root', problem } })
}

/** Where an open file is, as the system knows it; undefined on systems that do not tell. */
async function pathOf(handle: FileHandle): Promise<string | undefined> {
  return process.platform === 'linux' ? await readlink(`/proc/self/fd/${handle.fd}`) : undefined
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
