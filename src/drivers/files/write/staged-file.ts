import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { AirlockError } from '../../../errors/index.js'
import { compressor } from '../compression.js'
import type { Compression } from '../table-file.js'

const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0

/** Who the finished file belongs to and who may read it. */
export interface FileRights {
  readonly mode: number
  /** Undefined for the user of this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

/** A file that is written beside its target and takes its place in one step, or is removed. Until then only its owner can
 * read it. Everything but `abandon` is for the holder of the target's lock. */
export class StagedFile {
  readonly path: string
  #folder: string
  #handle: FileHandle
  #position = 0
  #packer: Duplex | undefined
  #packed: Promise<void> | undefined
  #refuse: ((error: Error) => void) | undefined
  #open = true

  private constructor(folder: string, path: string, handle: FileHandle, packer: Duplex | undefined) {
    this.#folder = folder
    this.path = path
    this.#handle = handle
    this.#packer = packer
    if (packer !== undefined) {
      this.#packed = this.#drain(packer)
      // Seen by the write that waits or comes next, and by `finish`.
      this.#packed.catch((error: Error) => this.#refuse?.(error))
    }
  }

  static async create(folder: string, base: string, compression: Compression): Promise<StagedFile> {
    const packer = compressor(compression)
    const path = join(folder, `${prefixOf(base)}${randomBytes(8).toString('hex')}.tmp`)
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW
    return new StagedFile(folder, path, await open(path, flags, 0o600), packer)
  }

  /** Removes what processes left that were killed while they wrote this file. */
  static async sweep(folder: string, base: string): Promise<void> {
    const prefix = prefixOf(base)
    for (const name of await readdir(folder)) {
      if (name.startsWith(prefix) && /^[0-9a-f]{16}\.tmp$/.test(name.slice(prefix.length))) {
        await unlink(join(folder, name))
      }
    }
  }

  get handle(): FileHandle {
    return this.#handle
  }

  /** Bytes in the file. */
  get size(): number {
    return this.#position
  }

  /** Resolves when the bytes are no longer needed. */
  async write(bytes: Uint8Array): Promise<void> {
    const packer = this.#packer
    if (packer === undefined) return await this.#store(bytes)
    const packed = this.#packed
    await new Promise<void>((resolve, reject) => {
      // A stream that is destroyed while it waits for its reader never calls back: the reader's failure has to end this.
      this.#refuse = reject
      packer.write(bytes, (error) => {
        if (!error) return resolve()
        // Where the disk was full, only the reader of the packed bytes knows it.
        packed?.then(() => reject(error), reject)
      })
    })
  }

  /** Everything is in the file, and on the disk. */
  async finish(): Promise<void> {
    if (this.#packer !== undefined) {
      this.#packer.end()
      await this.#packed
    }
    await this.#handle.sync()
  }

  /** Takes the place of the target. Throws OUTCOME_UNKNOWN where it has, and the disk did not confirm it. */
  async commit(base: string, rights: FileRights): Promise<void> {
    await this.#handle.chmod(rights.mode)
    if (rights.owner !== undefined) await this.#handle.chown(rights.owner.uid, rights.owner.gid)
    await this.#close()
    await rename(this.path, join(this.#folder, base))
    try {
      await syncFolder(this.#folder)
    } catch {
      throw new AirlockError('OUTCOME_UNKNOWN', { phase: 'write' })
    }
  }

  /** Removes it. The target is what it was. */
  async abandon(): Promise<void> {
    this.#packer?.destroy()
    try {
      await this.#packed?.catch(ignoreHere)
      await this.#close()
    } finally {
      await unlink(this.path)
    }
  }

  async #close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#handle.close()
  }

  async #store(bytes: Uint8Array): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, this.#position)
      at += bytesWritten
      this.#position += bytesWritten
    }
  }

  async #drain(packer: Duplex): Promise<void> {
    // Left by a failure, the loop destroys the stream, and with it the writes that wait for it.
    for await (const chunk of packer) await this.#store(chunk as Uint8Array)
  }
}

function prefixOf(base: string): string {
  return `.${base}.airlock-`
}

/** Makes a rename durable. Systems that cannot open a folder need no such step. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreHere(): void {
  // Whoever waits for the file gets the same error.
}
