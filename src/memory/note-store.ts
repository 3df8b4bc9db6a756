import { Mutex } from 'async-mutex'
import { AirlockError } from '../errors/index.js'
import type { Masker } from '../masking/index.js'
import { DirectoryLock, loadLockBinding } from '../sinks/directory-lock.js'
import { preparePrivateDirectory } from '../sinks/private-files.js'
import { memoryRefused, type Note, newNoteId, noteId, sessionId } from './note.js'
import { NoteFiles } from './note-files.js'

export interface NoteStoreOptions {
  /** `home/memory` of the configuration; nobody else says where notes are. */
  readonly dir: string
  readonly masker: Pick<Masker, 'text'>
  readonly enabled: boolean
  readonly maxNoteBytes: number
  readonly maxNotes: number
  readonly maxSessions: number
  /** Older notes are not there any more; without it they are kept. */
  readonly maxAgeMs: number | undefined
  /** Milliseconds since 1970 (the clock). */
  readonly now?: () => number
}

const LOCK_MS = 5000

/** Notes kept per session, each with consent, masked before they are written. Limits and ages hold for every reader and
 * writer; writers of several processes take turns, so that none of them gets past a limit. */
export class NoteStore implements Disposable {
  readonly #options: NoteStoreOptions
  readonly #files: NoteFiles
  readonly #lock: DirectoryLock | undefined
  /** Writers of this store; the lock is for those of others. */
  readonly #turn = new Mutex()
  readonly #now: () => number

  private constructor(options: NoteStoreOptions, root: string, lock: DirectoryLock | undefined) {
    this.#options = options
    this.#files = new NoteFiles(root)
    this.#lock = lock
    this.#now = options.now ?? Date.now
  }

  /** Opens the folder, which is made where it is missing. */
  static async open(options: NoteStoreOptions): Promise<NoteStore> {
    const root = await preparePrivateDirectory(options.dir)
    const binding = await loadLockBinding()
    return new NoteStore(options, root, binding === null ? undefined : new DirectoryLock(root, binding))
  }

  /** Keeps a note. Throws CONSENT_MISSING, and MEMORY_REFUSED for a session id that is none, an empty or too long note, a
   * session that is full, too many sessions, and where notes are turned off. */
  async capture(session: string, content: string, consent: boolean): Promise<Note> {
    const { enabled, maxNoteBytes, masker } = this.#options
    const id = sessionId(session)
    if (!enabled) throw memoryRefused('notes are turned off')
    if (!consent) throw new AirlockError('CONSENT_MISSING', { phase: 'run' })
    if (content.trim() === '') throw memoryRefused('it is empty')
    if (Buffer.byteLength(content) > maxNoteBytes) throw memoryRefused('it is longer than memory.max_note_bytes')
    return await this.#alone(async () => {
      const last = await this.#makeRoom(id)
      const now = this.#now()
      const note: Note = {
        v: 1,
        session: id,
        id: newNoteId(now, last),
        captured_at: new Date(now).toISOString(),
        consent: true,
        content: masker.text(content),
      }
      await this.#files.write(note)
      return note
    })
  }

  /** Sessions that have notes, and how many. */
  async sessions(): Promise<readonly { readonly session: string; readonly notes: number }[]> {
    const found = await this.#files.sessions()
    const counted = await Promise.all(
      found.map(async (session) => ({ session, notes: (await this.list(session)).length })),
    )
    return counted.filter(({ notes }) => notes > 0)
  }

  /** The notes of a session, the oldest first. */
  async list(session: string): Promise<readonly Note[]> {
    const id = sessionId(session)
    const notes = await Promise.all((await this.#files.ids(id)).map((note) => this.#files.read(id, note)))
    return notes.filter((note) => note !== undefined).filter((note) => this.#isAlive(note))
  }

  /** One note. Throws MEMORY_UNKNOWN where there is none, or none any more. */
  async show(session: string, note: string): Promise<Note> {
    const found = await this.#files.read(sessionId(session), noteId(note))
    if (found === undefined || !this.#isAlive(found)) throw new AirlockError('MEMORY_UNKNOWN', { phase: 'run' })
    return found
  }

  /** Removes a note, or all of a session; gives how many. Throws MEMORY_UNKNOWN where there was none. */
  async forget(session: string, note: string | undefined): Promise<number> {
    const id = sessionId(session)
    return await this.#alone(async () => {
      const notes = note === undefined ? await this.#files.ids(id) : [noteId(note)]
      let removed = 0
      for (const one of notes) if (await this.#files.remove(id, one)) removed += 1
      await this.#files.removeEmpty(id)
      if (removed === 0) throw new AirlockError('MEMORY_UNKNOWN', { phase: 'run' })
      return removed
    })
  }

  [Symbol.dispose](): void {
    this.#lock?.close()
  }

  /** Removes what is too old, then refuses what would be too much. Gives the id of the last note. */
  async #makeRoom(session: string): Promise<string | undefined> {
    const { maxNotes, maxSessions } = this.#options
    let left = 0
    const ids = await this.#files.ids(session)
    for (const id of ids) {
      const note = await this.#files.read(session, id)
      if (note === undefined || this.#isAlive(note)) left += 1
      else await this.#files.remove(session, id)
    }
    if (left >= maxNotes) throw memoryRefused('the session has memory.max_notes notes')
    const sessions = await this.#files.sessions()
    if (!sessions.includes(session) && sessions.length >= maxSessions) {
      throw memoryRefused('there are memory.max_sessions sessions')
    }
    return ids.at(-1)
  }

  #isAlive({ captured_at }: Note): boolean {
    const { maxAgeMs } = this.#options
    return maxAgeMs === undefined || this.#now() - Date.parse(captured_at) <= maxAgeMs
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn.runExclusive(() => this.#locked(work))
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    if (this.#lock === undefined) return await work()
    const taken = await this.#lock.acquire(LOCK_MS, new AbortController().signal)
    if (!taken) throw new AirlockError('SERVER_BUSY', { phase: 'run' })
    try {
      return await work()
    } finally {
      this.#lock.release()
    }
  }
}
