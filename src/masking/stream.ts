import { Transform } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Pass } from './pass.js'

/** A masker for one text that arrives in pieces. The joined output equals the masked whole, however it was cut. `write`
 * gives what can no longer change; `end` gives the rest, an unfinished rule region masked, an unfinished value as it is.
 * Bytes are UTF-8; a character that was cut in two is put together again. */
export interface ChunkMasker {
  write(chunk: string | Uint8Array): string
  end(): string
}

/** Joins a decoder and a pass. `refresh` runs before every piece, so that values added meanwhile are known. */
export function chunkMasker(pass: Pass, refresh: () => void): ChunkMasker {
  const decoder = new StringDecoder('utf8')
  let ended = false
  return {
    write(chunk) {
      if (ended) return ''
      refresh()
      if (typeof chunk === 'string') return pass.write(decoder.end() + chunk)
      return pass.write(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)))
    },
    end() {
      if (ended) return ''
      ended = true
      refresh()
      return pass.end(decoder.end())
    },
  }
}

/** The same as a Node transform: bytes or strings in, UTF-8 out. */
export function maskStream(chunks: ChunkMasker): Transform {
  return new Transform({
    decodeStrings: false,
    transform(chunk: string | Uint8Array, _encoding, done) {
      done(null, chunks.write(chunk))
    },
    flush(done) {
      done(null, chunks.end())
    },
  })
}
