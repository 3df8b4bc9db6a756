import { createReadStream, type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip, gzipSync } from 'node:zlib'
import { byteRangeOf } from './byte-range.js'
import { damagedContent, sendBroken } from './download-faults.js'
import type { Exchange } from './exchange.js'
import type { FaultAt } from './faults.js'
import { type Answer, Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'

/** `GET /files`: the bytes of a file, or of a range of it; with gzip where the client accepts it, which it does not for a
 * range. 404 and 400 in JSON. */
export async function downloadFile(exchange: Exchange<'download'>, sandbox: Sandbox): Promise<void> {
  const guest = sandbox.paths.resolve(exchange.query('path') ?? '')
  const host = sandbox.paths.toHost(guest)
  await exchange.answer(
    async (fault) => {
      const info = await infoOf(host, guest)
      const range = byteRangeOf(exchange.header('range'), info.size)
      const isGzip = range === undefined && /\bgzip\b/.test(exchange.header('accept-encoding') ?? '')
      const headers = {
        vary: 'Accept-Encoding',
        'accept-ranges': 'bytes',
        'content-type': 'application/octet-stream',
        'content-disposition': `inline; filename*=UTF-8''${encodeURIComponent(posix.basename(guest))}`,
        'last-modified': info.mtime.toUTCString(),
        ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
        ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${info.size}` }),
      }
      const status = range === undefined ? 200 : 206
      const { start, end } = range ?? { start: 0, end: info.size - 1 }
      if (fault !== undefined && fault.kind !== 'late') {
        const content = (await readFile(host)).subarray(start, end + 1)
        return { status, send: (response) => sendFaulty(response, { status, headers }, content, isGzip, fault) }
      }
      const send = async (response: ServerResponse): Promise<void> => {
        response.writeHead(status, { ...headers, ...(isGzip ? {} : { 'content-length': end - start + 1 }) })
        if (end < start && !isGzip) response.end()
        else if (isGzip) await pipeline(createReadStream(host), createGzip(), response)
        else await pipeline(createReadStream(host, { start, end }), response)
      }
      return { status, send }
    },
    [guest],
  )
}

async function sendFaulty(
  response: ServerResponse,
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  content: Buffer,
  isGzip: boolean,
  fault: FaultAt<'download'>,
): Promise<void> {
  const sent = damagedContent(content, fault)
  const body = isGzip ? gzipSync(sent) : sent
  response.writeHead(status, { ...headers, ...(isGzip ? {} : { 'content-length': body.length }) })
  if (!(await sendBroken(response, body, fault))) response.end(body)
}

async function infoOf(host: string, guest: string): Promise<Stats> {
  const info = await stat(host).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw Refusal.http(404, `path '${guest}' does not exist`)
    throw error
  })
  if (!info.isFile()) throw Refusal.http(400, `path '${guest}' is a directory`)
  return info
}
