import { createHash } from 'node:crypto'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FileDigest } from './digest-file.js'

/** Writes a file as a whole: `x.tmp`, fsync, rename, fsync of the folder. Whoever sees the name sees all of its bytes,
 * also after a crash. Throws what the file system throws. */
export async function writeArtifact(path: string, text: string): Promise<FileDigest> {
  const bytes = Buffer.from(text, 'utf8')
  const file = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await file.write(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
