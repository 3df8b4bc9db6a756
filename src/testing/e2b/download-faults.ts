import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultAt } from './faults.js'

const DEFAULT_EXTRA_BYTES = 16
/** Until a client has taken what was sent before a reset, which would throw it away. */
const BEFORE_RESET_MS = 30

/** What a reply that is valid in itself says in place of the content. */
export function damagedContent(content: Buffer, { kind, after, bytes }: FaultAt<'download'>): Buffer {
  const at = Math.min(after ?? Math.floor(content.length / 2), content.length)
  switch (kind) {
    case 'short':
      return content.subarray(0, at)
    case 'oversize':
      return Buffer.concat([content, Buffer.alloc(bytes ?? DEFAULT_EXTRA_BYTES, 'x')])
    case 'garbage':
      return Buffer.alloc(content.length, '#')
    case 'bit-flip': {
      const flipped = Buffer.from(content)
      const where = Math.min(at, content.length - 1)
      if (where >= 0) flipped.writeUInt8(flipped.readUInt8(where) ^ 1, where)
      return flipped
    }
    default:
      return content
  }
}

/** Sends the beginning of a body whose headers promise all of it, and breaks off as the fault says. False for faults that
 * do not break off. */
export async function sendBroken(
  response: ServerResponse,
  body: Buffer,
  { kind, after }: FaultAt<'download'>,
): Promise<boolean> {
  if (kind !== 'reset-in-body' && kind !== 'fin-early' && kind !== 'stall-in-body') return false
  const gone = new Promise<void>((resolve) => response.once('close', resolve))
  const part = body.subarray(0, after ?? Math.floor(body.length / 2))
  response.flushHeaders()
  if (part.length > 0) await Promise.race([gone, new Promise((resolve) => response.write(part, resolve))])
  if (kind === 'fin-early') response.socket?.destroySoon()
  if (kind === 'reset-in-body') {
    await Promise.race([gone, sleep(BEFORE_RESET_MS)])
    response.socket?.resetAndDestroy()
  }
  await gone
  return true
}
