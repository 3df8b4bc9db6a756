import { createWriteStream } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Exchange } from './exchange.js'
import type { FaultAt } from './faults.js'
import { Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'

/** An upload is held in memory where it has to be cut up. */
const LARGEST_FORM = 512 * 1024 * 1024

/** `POST /files`: a form with a part `file` for each file, whose name is its path unless the query names one, or
 * `application/octet-stream` for the one that the query names. Answers `[{path, name, type}]`. */
export async function uploadFiles(exchange: Exchange<'upload'>, sandbox: Sandbox): Promise<void> {
  const type = exchange.header('content-type') ?? ''
  const path = exchange.query('path')
  if (type.startsWith('application/octet-stream')) return await uploadOne(exchange, sandbox, path ?? '')
  if (!type.startsWith('multipart/')) throw Refusal.http(400, `unsupported content type: ${type}`)
  const form = await new Response(await exchange.body(LARGEST_FORM), { headers: { 'content-type': type } }).formData()
  const files = form.getAll('file').map((part) => {
    if (typeof part === 'string') throw Refusal.http(400, 'a part named file has no file name')
    return { guest: sandbox.paths.resolve(path ?? part.name), part }
  })
  const guests = files.map(({ guest }) => guest)
  if (new Set(guests).size < guests.length) {
    throw Refusal.http(400, 'you cannot upload multiple files to the same path in one upload request')
  }
  await exchange.answer(async (fault) => {
    for (const { guest, part } of files) {
      await writeWhole(sandbox, guest, Buffer.from(await part.arrayBuffer()), fault)
    }
    return { status: 200, body: guests.map(written) }
  }, guests)
}

/** The body goes straight to disk. */
async function uploadOne(exchange: Exchange<'upload'>, sandbox: Sandbox, path: string): Promise<void> {
  const guest = sandbox.paths.resolve(path)
  await exchange.answer(
    async (fault) => {
      if (fault?.kind === 'short-write') await writeWhole(sandbox, guest, await exchange.body(LARGEST_FORM), fault)
      else await pipeline(exchange.chunks(), createWriteStream(await placeFor(sandbox, guest)))
      return { status: 200, body: [written(guest)] }
    },
    [guest],
  )
}

async function writeWhole(
  sandbox: Sandbox,
  guest: string,
  content: Buffer,
  fault: FaultAt<'upload'> | undefined,
): Promise<void> {
  const kept = fault?.kind === 'short-write' ? (fault.after ?? Math.floor(content.length / 2)) : content.length
  await writeFile(await placeFor(sandbox, guest), content.subarray(0, kept))
}

/** Where a file goes; the directories on the way are made. */
async function placeFor({ paths }: Sandbox, guest: string): Promise<string> {
  const host = paths.toHost(guest)
  await mkdir(posix.dirname(host), { recursive: true })
  const isDirectory = await stat(host).then(
    (info) => info.isDirectory(),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  if (isDirectory) throw Refusal.http(400, `path is a directory: ${guest}`)
  return host
}

function written(guest: string): object {
  return { path: guest, name: posix.basename(guest), type: 'file' }
}
