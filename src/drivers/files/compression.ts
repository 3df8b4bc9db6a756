import { type Duplex, pipeline, Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { errnoOf, invalidFile, unsupported } from './errors.js'
import type { Compression } from './table-file.js'

const CHUNK_BYTES = 256 * 1024

/** What newer versions of Node have; https://nodejs.org/api/zlib.html#zlibcreatezstddecompressoptions */
interface ZstdModule {
  createZstdCompress?(options: { readonly chunkSize: number }): Duplex
  createZstdDecompress?(options: { readonly chunkSize: number }): Duplex
}

/** A stream that compresses; undefined for none. Throws UNSUPPORTED where this Node has no zstd. */
export function compressor(compression: Compression): Duplex | undefined {
  if (compression === 'none') return undefined
  if (compression === 'gzip') return zlib.createGzip({ chunkSize: CHUNK_BYTES, level: 6 })
  const create = (zlib as ZstdModule).createZstdCompress
  if (create === undefined) throw withoutZstd()
  return create({ chunkSize: CHUNK_BYTES })
}

/** The decompressed bytes of a file in chunks of bounded size, however small the file is. Leaving the loop early ends the
 * reading of `chunks`. Throws FILE_INVALID for a file that is damaged or cut, UNSUPPORTED where this Node has no zstd. */
export function decompressed(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === 'none') return chunks
  const stream = decompressor(compression)
  return unpack(chunks, stream)
}

function decompressor(compression: Compression): Duplex {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: CHUNK_BYTES })
  const create = (zlib as ZstdModule).createZstdDecompress
  if (create === undefined) throw withoutZstd()
  return create({ chunkSize: CHUNK_BYTES })
}

async function* unpack(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  stream: Duplex,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = Readable.from(chunks, { objectMode: false, highWaterMark: 1 })
  try {
    pipeline(input, stream, ignoreHere)
    for await (const chunk of stream) yield chunk as Uint8Array
  } catch (error) {
    throw isDamage(error) ? invalidFile(0, 'the compressed data is damaged or cut') : error
  } finally {
    stream.destroy()
    input.destroy()
    await chunks.return()
  }
}

function isDamage(error: unknown): boolean {
  const code = errnoOf(error)
  return (
    code !== undefined && (code.startsWith('Z_') || code.startsWith('ZSTD_') || code === 'ERR_STREAM_PREMATURE_CLOSE')
  )
}

function ignoreHere(): void {
  // The loop over the last stream of the pipeline throws the same error.
}

function withoutZstd(): Error {
  return unsupported('this version of Node has no zstd; Node 22.15 and later has')
}
