import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** What proves that a file is the one that was meant: its bytes and their SHA-256 as lower-case hex. */
export interface FileDigest {
  readonly size: number
  readonly sha256: string
}

/** Reads a file once, in pieces, whatever its size. Throws what reading throws. */
export async function digestFile(path: string): Promise<FileDigest> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    size += chunk.length
  }
  return { size, sha256: hash.digest('hex') }
}
