import { type FileHandle, open } from 'node:fs/promises'
import { AirlockError } from '../errors/index.js'
import { printableFile } from './place.js'

/** The text of a configuration file and who may change it. */
export interface TextFile {
  readonly text: string
  /** Permission bits. */
  readonly mode: number
  readonly ownerId: number
}

const LARGEST = 1024 * 1024

/** Reads a configuration file of at most 1 MiB of UTF-8. Throws CONFIG_NOT_FOUND where there is none and
 * CONFIG_INVALID for anything that is not a readable regular file of text. */
export async function readTextFile(path: string): Promise<TextFile> {
  const at = printableFile(path)
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw missing(error)
      ? new AirlockError('CONFIG_NOT_FOUND', { phase: 'config', params: { at } })
      : refused(at, 'the file cannot be read')
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw refused(at, 'it is not a regular file')
    if (stat.size > LARGEST) throw refused(at, 'the file is larger than 1 MiB')
    const bytes = await handle.readFile()
    return { text: decode(bytes, at), mode: stat.mode & 0o777, ownerId: stat.uid }
  } finally {
    await handle.close()
  }
}

function decode(bytes: Uint8Array, at: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refused(at, 'the file is not UTF-8 text')
  }
}

function missing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function refused(at: string, problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at, problem } })
}
