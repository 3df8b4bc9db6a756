import { readFile } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { AirlockError } from '../errors/index.js'
import { evolveKey, requireKey } from './audit-chain.js'
import { containedPath } from './private-files.js'

const SEAL_FILE = '.seal'

/** The evolving key of mode `sealed`: the file holds the key of the current segment and never an earlier one. The seed
 * begins a log and belongs off the host afterwards. Call under the directory's lock. As strong as the deletion of old
 * bytes by the file system and of old memory by the runtime. */
export class SealKeys {
  readonly #path: string
  readonly #seed: Uint8Array | undefined

  constructor(dir: string, seed: Uint8Array | undefined) {
    this.#path = containedPath(dir, SEAL_FILE)
    this.#seed = seed
  }

  /** The key of a segment. Throws AUDIT_UNAVAILABLE for one whose key is gone, CONFIG_INVALID without a first key. */
  async keyOf(segment: number): Promise<Buffer> {
    const stored = await this.#read()
    let { number, key } = stored ?? { number: 1, key: requireKey(this.#seed, 'audit.key') }
    if (number > segment) throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit' })
    const evolve = number < segment
    for (; number < segment; number += 1) {
      const next = evolveKey(key)
      key.fill(0)
      key = next
    }
    if (evolve || stored === undefined) await this.#write(segment, key)
    return key
  }

  async #read(): Promise<{ number: number; key: Buffer } | undefined> {
    let text: string
    try {
      text = await readFile(this.#path, 'latin1')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const match = /^(\d+) ([0-9a-f]{32,})\n$/.exec(text)
    if (match === null) throw new AirlockError('AUDIT_UNAVAILABLE', { phase: 'audit' })
    return { number: Number(match[1]), key: Buffer.from(match[2]!, 'hex') }
  }

  async #write(number: number, key: Buffer): Promise<void> {
    await writeFileAtomic(this.#path, `${number} ${key.toString('hex')}\n`, { mode: 0o600, fsync: true })
  }
}
