import { constants } from 'node:fs'
import { mkdir, open, realpath } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { AirlockError } from '../errors/index.js'

/** One open file, as the sinks use it. `write` may store less than it was given, as the system call may. */
export interface OpenFilePort {
  readonly fd: number
  write(bytes: Uint8Array, offset: number, length: number): Promise<number>
  read(into: Uint8Array, position: number): Promise<number>
  truncate(length: number): Promise<void>
  datasync(): Promise<void>
  close(): Promise<void>
}

/** Opens files for appending. The one seam below which a disk can fail; tests wrap the real one to fail at the n-th
 * call. */
export interface FilesPort {
  open(path: string, how: 'existing' | 'new'): Promise<OpenFilePort>
}

/** The real file system: append-only handles, mode 0600, symbolic links refused. */
export const nodeFiles: FilesPort = {
  async open(path, how) {
    const create = how === 'new' ? constants.O_CREAT | constants.O_EXCL : 0
    const handle = await open(path, constants.O_RDWR | constants.O_APPEND | NO_FOLLOW | create, 0o600)
    return {
      fd: handle.fd,
      write: async (bytes, offset, length) => (await handle.write(bytes, offset, length)).bytesWritten,
      read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
      truncate: (length) => handle.truncate(length),
      datasync: () => handle.datasync(),
      close: () => handle.close(),
    }
  },
}

/** `O_NOFOLLOW` where the system has it: a symbolic link in place of one of our files is an error. */
export const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0

/** Creates a directory (0700) with its parents and returns its real path. */
export async function preparePrivateDirectory(dir: string): Promise<string> {
  await mkdir(resolve(dir), { recursive: true, mode: 0o700 })
  return await realpath(dir)
}

/** Joins a plain file name to a directory. Throws INTERNAL for a name that could lead out of it. */
export function containedPath(dir: string, name: string): string {
  if (name !== basename(name) || name === '' || name === '.' || name === '..' || name.includes('\0')) {
    throw new AirlockError('INTERNAL', { phase: 'audit' })
  }
  return join(dir, name)
}

/** Makes the names of newly created files durable. Systems that cannot open a directory need no such step. */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(dir, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
