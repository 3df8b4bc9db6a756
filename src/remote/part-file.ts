import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../sinks/errno.js'
import { NO_FOLLOW, syncDirectory } from '../sinks/private-files.js'
import { PART_SUFFIX } from './artifact-path.js'

/** A file could not be written on this machine; says the errno name only. */
export class LocalWriteFault extends Error {
  readonly errno: string

  constructor(error: unknown) {
    super('a file could not be written')
    this.name = 'LocalWriteFault'
    this.errno = errnoOf(error) ?? 'other'
  }
}

/** Looks for secrets in bytes that arrive in pieces; `Masker.search()` of `db-airlock/masking` gives one. */
export interface SecretSearch {
  /** Whether one has been found so far. */
  write(chunk: Uint8Array): boolean
  end(): boolean
}

/** The calls to the file system that can fail; tests wrap the real ones. */
export interface PartFilesPort {
  open(path: string): Promise<Pick<FileHandle, 'write' | 'truncate' | 'sync' | 'close'>>
  rename(from: string, to: string): Promise<void>
}

/** The real file system: a new file, 0600, that no link stands for. */
export const nodePartFiles: PartFilesPort = {
  async open(path) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await rm(path, { force: true })
    return await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW, 0o600)
  },
  rename,
}

/** A file while it arrives: beside its name until every byte is there, hashed, counted and searched as it is written. All
 * methods throw LocalWriteFault. */
export class PartFile {
  readonly #path: string
  readonly #files: PartFilesPort
  readonly #newSearch: () => SecretSearch
  readonly #handle: Awaited<ReturnType<PartFilesPort['open']>>
  #hash: Hash = createHash('sha256')
  #search: SecretSearch
  #size = 0
  #open = true

  private constructor(
    path: string,
    files: PartFilesPort,
    newSearch: () => SecretSearch,
    handle: Awaited<ReturnType<PartFilesPort['open']>>,
  ) {
    this.#path = path
    this.#files = files
    this.#newSearch = newSearch
    this.#handle = handle
    this.#search = newSearch()
  }

  static async open(path: string, newSearch: () => SecretSearch, files = nodePartFiles): Promise<PartFile> {
    const handle = await local(() => files.open(path + PART_SUFFIX))
    return new PartFile(path, files, newSearch, handle)
  }

  /** Bytes that are in it. */
  get size(): number {
    return this.#size
  }

  /** Appends; whether a secret has been found so far. */
  async write(chunk: Uint8Array): Promise<boolean> {
    const written = local(() => this.#writeAll(chunk))
    // Meanwhile the disk is busy.
    this.#hash.update(chunk)
    const found = this.#search.write(chunk)
    await written
    this.#size += chunk.byteLength
    return found
  }

  /** Ends the text that is searched; whether a secret is in it. */
  endSearch(): boolean {
    return this.#search.end()
  }

  /** SHA-256 of what is in it, as 64 hex digits. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /** Forgets what is in it. */
  async restart(): Promise<void> {
    await local(() => this.#handle.truncate(0))
    this.#hash = createHash('sha256')
    this.#search = this.#newSearch()
    this.#size = 0
  }

  /** Makes it durable under its own name. */
  async keep(): Promise<void> {
    await local(async () => {
      await this.#handle.sync()
      await this.#close()
      await this.#files.rename(this.#path + PART_SUFFIX, this.#path)
      await syncDirectory(dirname(this.#path))
    })
  }

  /** Removes what is there; nothing of it is left. */
  async discard(): Promise<void> {
    await local(async () => {
      await this.#close()
      await rm(this.#path + PART_SUFFIX, { force: true })
    })
  }

  /** Removes what can be removed of it, after something has failed already. */
  async abandon(): Promise<void> {
    await Promise.allSettled([this.#close(), rm(this.#path + PART_SUFFIX, { force: true })])
  }

  async #writeAll(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      const { bytesWritten } = await this.#handle.write(chunk, at, chunk.byteLength - at, this.#size + at)
      at += bytesWritten
    }
  }

  async #close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#handle.close()
  }
}

async function local<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new LocalWriteFault(error)
  }
}
