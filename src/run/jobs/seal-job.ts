import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { Secret } from '../../masking/index.js'
import type { Job } from './job.js'

/** Stands for a Secret: `{"$secret": [value, label]}`. Keys of other objects that begin with `$` get one more. */
const SECRET = '$secret'

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

const connection = z.looseObject({
  name: z.string(),
  driver: z.string(),
  settings: z.record(z.string(), z.unknown()),
  addresses: z.record(z.string(), z.array(z.string())),
})

/** As much of a job as the worker cannot do without; the rest has the types that the host was compiled with. */
const job = z.looseObject({
  kind: z.enum(['streams', 'part', 'commit']),
  run: z.string(),
  pipeline: z.string(),
  source: connection,
  target: connection,
  maskKey: z.string().optional(),
})

/** A job as bytes, to be sealed: its Secrets are revealed in it. */
export function encodeJob(given: Job): Uint8Array {
  return Buffer.from(JSON.stringify(revealed(given)), 'utf8')
}

/** The job that the bytes hold. Secrets are Secrets again, and `onSecret` is told of each value before anybody else sees
 * it. Throws CONFIG_INVALID for anything that is no job of this version. */
export function decodeJob(bytes: Uint8Array, onSecret: (value: string) => void): Job {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    throw invalid() // the parser's message has a part of the text in it
  }
  const parsed = job.safeParse(concealed(json, onSecret))
  if (!parsed.success) throw invalid()
  const { maskKey } = parsed.data
  tellMaskKey(maskKey, onSecret)
  return { ...parsed.data, maskKey } as unknown as Job
}

/** Tells of both forms of the key of a frame, in which it is no Secret. */
export function tellMaskKey(maskKey: string | undefined, onSecret: (value: string) => void): void {
  if (maskKey === undefined) return
  onSecret(maskKey)
  onSecret(Buffer.from(maskKey, 'base64').toString('utf8'))
}

/** A copy in which Secrets are revealed, under a mark. */
export function revealed(value: unknown): unknown {
  if (value instanceof Secret) return { [SECRET]: [String(value.reveal()), value.label] }
  if (Array.isArray(value)) return value.map(revealed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key.startsWith('$') ? `$${key}` : key, revealed(one)]),
  )
}

/** A copy in which what was under the mark are Secrets again; `onSecret` is told of each value first. */
export function concealed(value: unknown, onSecret: (value: string) => void): unknown {
  if (typeof value === 'string' && PRIVATE_KEY.test(value)) onSecret(value)
  if (Array.isArray(value)) return value.map((one) => concealed(one, onSecret))
  if (typeof value !== 'object' || value === null) return value
  const marked = (value as { readonly [SECRET]?: unknown })[SECRET]
  if (Array.isArray(marked)) {
    const [text, label] = marked as readonly unknown[]
    if (typeof text !== 'string' || typeof label !== 'string') throw invalid()
    onSecret(text)
    return new Secret(text, label)
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key.startsWith('$$') ? key.slice(1) : key, concealed(one, onSecret)]),
  )
}

function invalid(): AirlockError {
  const params = { at: 'the sealed job', problem: 'another version of Airlock made it' }
  return new AirlockError('CONFIG_INVALID', { phase: 'remote', params })
}
