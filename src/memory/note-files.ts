import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { AirlockError } from '../errors/index.js'
import { NO_FOLLOW } from '../sinks/private-files.js'
import { isSessionId, memoryRefused, type Note } from './note.js'

const FILE = /^([0-9a-f]{24})\.json$/
/** A note cannot be longer, whatever the limits: the rest of a file would not be ours. */
const LARGEST = 8 * 2 ** 20

/** The files of notes: one folder a session, one file a note, for their owner only. Links are never followed. */
export class NoteFiles {
  readonly #root: string

  /** `root` is a real, private folder. */
  constructor(root: string) {
    this.#root = root
  }

  /** Sessions that have a folder, in the order of their names. */
  async sessions(): Promise<readonly string[]> {
    const entries = await readdir(this.#root, { withFileTypes: true })
    return entries
      .filter((entry) => entry.isDirectory() && isSessionId(entry.name))
      .map(({ name }) => name)
      .sort()
  }

  /** Ids of a session's notes, the oldest first. */
  async ids(session: string): Promise<readonly string[]> {
    const folder = await this.#folder(session)
    if (folder === undefined) return []
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.flatMap((entry) => (entry.isFile() ? (FILE.exec(entry.name)?.[1] ?? []) : [])).sort()
  }

  /** One note, or undefined where there is none that can be read. */
  async read(session: string, id: string): Promise<Note | undefined> {
    const folder = await this.#folder(session)
    if (folder === undefined) return undefined
    try {
      const handle = await open(join(folder, `${id}.json`), constants.O_RDONLY | NO_FOLLOW)
      try {
        const { size } = await handle.stat()
        const value: unknown = size > LARGEST ? null : JSON.parse(await handle.readFile('utf8'))
        return isNote(value) && value.session === session && value.id === id ? value : undefined
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (isAbsent(error) || error instanceof SyntaxError) return undefined
      throw error
    }
  }

  /** Writes a note, whole or not at all. */
  async write(note: Note): Promise<void> {
    await mkdir(join(this.#root, note.session), { recursive: true, mode: 0o700 })
    const folder = await this.#folder(note.session)
    if (folder === undefined) throw memoryRefused('the folder of the session is not a folder')
    await writeFileAtomic(join(folder, `${note.id}.json`), `${JSON.stringify(note)}\n`, { mode: 0o600 })
  }

  /** Removes a note; says whether there was one. */
  async remove(session: string, id: string): Promise<boolean> {
    const folder = await this.#folder(session)
    if (folder === undefined) return false
    try {
      await rm(join(folder, `${id}.json`))
      return true
    } catch (error) {
      if (isAbsent(error)) return false
      throw error
    }
  }

  /** Removes the folder of a session that has nothing in it any more. */
  async removeEmpty(session: string): Promise<void> {
    const folder = await this.#folder(session)
    if (folder === undefined) return
    try {
      await rmdir(folder)
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) throw error
    }
  }

  /** The folder of a session, unless it is missing or something else. */
  async #folder(session: string): Promise<string | undefined> {
    if (!isSessionId(session)) throw new AirlockError('INTERNAL', { phase: 'run' })
    const folder = join(this.#root, session)
    try {
      return (await lstat(folder)).isDirectory() ? folder : undefined
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }
}

function isNote(value: unknown): value is Note {
  if (typeof value !== 'object' || value === null) return false
  const { v, session, id, captured_at, consent, content } = value as Partial<Record<keyof Note, unknown>>
  const texts = [session, id, captured_at, content].every((part) => typeof part === 'string')
  return v === 1 && consent === true && texts && !Number.isNaN(Date.parse(String(captured_at)))
}

/** Not there, or a link or a folder in its place. */
function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
