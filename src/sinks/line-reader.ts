import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { NO_FOLLOW } from './private-files.js'

const CHUNK = 1024 * 1024
const NEWLINE = 0x0a

/** Reads the first `size` bytes of a file in chunks and calls `onLine` for each line without its newline; the view is
 * valid during the call only. Lines longer than `maxLine` bytes arrive cut at that length with `whole` false. Returns
 * the number of bytes after the last newline. */
export async function readLines(
  path: string,
  size: number,
  maxLine: number,
  onLine: (line: Buffer, whole: boolean) => void,
): Promise<number> {
  const handle = await open(path, constants.O_RDONLY | NO_FOLLOW)
  const chunk = Buffer.allocUnsafe(CHUNK)
  let carried: Buffer[] = []
  let carriedBytes = 0
  const emit = (end: Buffer): void => {
    const length = carriedBytes + end.length
    const line = carried.length === 0 ? end : Buffer.concat([...carried, end])
    onLine(length > maxLine ? line.subarray(0, maxLine) : line, length <= maxLine)
    carried = []
    carriedBytes = 0
  }
  try {
    for (let position = 0; position < size; ) {
      const { bytesRead } = await handle.read(chunk, 0, Math.min(CHUNK, size - position), position)
      if (bytesRead === 0) break
      position += bytesRead
      const bytes = chunk.subarray(0, bytesRead)
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
        emit(bytes.subarray(start, end))
        start = end + 1
      }
      const rest = bytes.subarray(start)
      // What is over the limit is counted, not kept: a file without newlines must not fill the memory.
      if (rest.length > 0 && carriedBytes <= maxLine) carried.push(Buffer.from(rest))
      carriedBytes += rest.length
    }
  } finally {
    await handle.close()
  }
  return carriedBytes
}
