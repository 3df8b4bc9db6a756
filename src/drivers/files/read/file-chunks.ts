import type { FileHandle } from 'node:fs/promises'
import { abortError } from '../../../core/errors-at-boundary.js'
import { invalidFile } from '../errors.js'

const CHUNK_BYTES = 256 * 1024

/** The first `size` bytes of an open file, the next chunk being read while the last one is worked on: what others append
 * meanwhile is not seen. A chunk may be changed by its consumer, and is its own memory with `fresh`; otherwise it is
 * overwritten after the next one was asked for. Throws FILE_INVALID when the file becomes shorter, and the abort's error. */
export async function* fileChunks(
  handle: FileHandle,
  options: { readonly size: number; readonly signal: AbortSignal; readonly fresh?: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, signal, fresh = false } = options
  const buffers = fresh ? [] : [memory(), memory()]
  let position = 0
  let turn = 0
  const next = async (): Promise<Uint8Array> => {
    const buffer = fresh ? memory() : buffers[turn++ % buffers.length]!
    const at = position
    const wanted = Math.min(buffer.length, size - at)
    position += wanted
    let length = 0
    // A read may give less than there is.
    while (length < wanted) {
      const { bytesRead } = await handle.read(buffer, length, wanted - length, at + length)
      if (bytesRead === 0) throw invalidFile(0, 'it became shorter while it was read')
      length += bytesRead
    }
    return buffer.subarray(0, length)
  }
  let ahead: Promise<Uint8Array> | undefined
  try {
    if (size > 0) ahead = next()
    while (ahead !== undefined) {
      if (signal.aborted) throw abortError(signal, 'extract')
      const chunk: Uint8Array = await ahead
      ahead = position < size ? next() : undefined
      yield chunk
    }
  } finally {
    // Its owner closes the handle now, which must not happen under a read.
    await ahead?.then(undone, undone)
  }
}

function memory(): Uint8Array {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES)
}

function undone(): void {
  // Nobody wants the chunk, or its error, any more.
}
