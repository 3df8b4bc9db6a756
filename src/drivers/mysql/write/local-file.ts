import { Readable } from 'node:stream'
import { AirlockError } from '../../../errors/index.js'

/** Bytes of one packet. */
const PACKET_BYTES = 256 * 1024

/** Rows in memory that stand for a file in LOAD DATA LOCAL. */
export interface LocalFile {
  /** A name that nobody else knows. */
  readonly name: string
  readonly bytes: Buffer
  /** Told when the last of them has been given away. */
  readonly onTaken?: () => void
}

/** Gives the server the bytes when it asks for the file by its name. For any other name it throws, which ends the
 * connection: that server is after the files of this machine. */
export function localFileStream(file: LocalFile): (path: string) => Readable {
  return (path) => {
    if (path !== file.name) return refuseFile()
    let at = 0
    return new Readable({
      highWaterMark: PACKET_BYTES,
      read() {
        if (at >= file.bytes.length) {
          this.push(null)
          file.onTaken?.()
          return
        }
        const end = Math.min(at + PACKET_BYTES, file.bytes.length)
        this.push(file.bytes.subarray(at, end))
        at = end
      },
    })
  }
}

/** The answer to a server that asks for a file outside of a load. */
export function refuseFile(): never {
  throw new AirlockError('PROTOCOL_ERROR', { phase: 'query' })
}
