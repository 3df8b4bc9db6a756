import { open } from 'node:fs/promises'
import type { DataSet } from './data-set.js'
import { Random } from './random.js'

const CHUNK_CHARACTERS = 1 << 20

/** A generated file in COPY text. */
export interface CopyFile {
  readonly path: string
  readonly rows: number
  readonly bytes: number
}

/** Writes rows of a data set: the first ones, or those whose number `idOf` gives. The same seed gives the same bytes,
 * and more rows only append to them. */
export async function writeCopyFile(
  path: string,
  dataSet: DataSet,
  rows: number,
  seed: number,
  idOf: (position: number) => number = (position) => position,
): Promise<CopyFile> {
  const random = new Random(seed)
  await using file = await open(path, 'wx', 0o600)
  let bytes = 0
  let chunk = ''
  for (let position = 1; position <= rows; position++) {
    chunk += dataSet.row(idOf(position), random)
    if (chunk.length < CHUNK_CHARACTERS && position < rows) continue
    const encoded = Buffer.from(chunk, 'utf8')
    await file.writeFile(encoded)
    bytes += encoded.length
    chunk = ''
  }
  return { path, rows, bytes }
}
