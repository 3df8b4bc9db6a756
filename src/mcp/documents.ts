import { createHash } from 'node:crypto'
import type { TwoTierCache } from '../cache/index.js'

/** What is kept so that its address can be read later. */
export type DocumentKind = 'discovery' | 'schema'

/** Answers of tools, kept byte for byte in memory and under `home/cache` for other servers of the same folder. A document
 * is named by its content: what an address gives is what the tool gave, or nothing any more. One key serves both ways. */
export class Documents {
  /** How long an answer can be read again, in milliseconds. */
  static readonly KEPT_MS = 3_600_000
  readonly #cache: TwoTierCache

  constructor(cache: TwoTierCache) {
    this.#cache = cache
  }

  /** Keeps a text and gives its id. */
  async keep(kind: DocumentKind, connection: string, text: string): Promise<string> {
    const id = createHash('sha256').update(text).digest('hex').slice(0, 32)
    const key = keyOf(kind, connection, id)
    const load = () => Promise.resolve(text)
    const { ageMs } = await this.#cache.get(key, load)
    // Its address is handed out anew, so its time begins anew.
    if (ageMs > Documents.KEPT_MS / 2) {
      await this.#cache.invalidate(key)
      await this.#cache.get(key, load)
    }
    return id
  }

  /** The text of an id, or undefined where nothing is kept under it. */
  async find(kind: DocumentKind, connection: string, id: string): Promise<string | undefined> {
    try {
      const found = await this.#cache.get<string>(keyOf(kind, connection, id), () => Promise.reject(new NotKept()))
      return found.value
    } catch (error) {
      if (error instanceof NotKept) return undefined
      throw error
    }
  }

  close(): Promise<void> {
    return this.#cache.close()
  }
}

class NotKept extends Error {}

function keyOf(kind: DocumentKind, connection: string, id: string): readonly [string, string, string, string] {
  return ['document', kind, connection, id]
}
