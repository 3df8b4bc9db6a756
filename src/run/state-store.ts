import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import type { SavedState, StateKey } from '../core/driver.js'
import { AirlockError } from '../errors/index.js'

const savedFile = z.strictObject({ pipeline: z.string(), stream: z.string(), value: z.string(), savedAt: z.string() })

/** Where the state of targets is kept that cannot keep it themselves. */
export interface StatePort {
  read(key: StateKey): Promise<string | undefined>
  save(key: StateKey, value: string): Promise<void>
}

/** State of targets that cannot keep it themselves: `home/state/<pipeline>/<stream>.json`, for its owner only. Saved after
 * the commit, so that a process that dies in between reads the last rows again. */
export class HomeState implements StatePort {
  readonly #folder: string

  constructor(home: string) {
    this.#folder = join(home, 'state')
  }

  async read(key: StateKey): Promise<string | undefined> {
    return (await readSaved(this.#path(key)))?.value
  }

  /** All that is kept, of one pipeline or of every one. Throws STATE_MISMATCH for a file that is not one of these. */
  async list(pipeline: string | undefined): Promise<readonly SavedState[]> {
    const folders = pipeline === undefined ? await namesIn(this.#folder) : [fileName(pipeline)]
    const saved: SavedState[] = []
    for (const folder of folders) {
      for (const name of await namesIn(join(this.#folder, folder))) {
        if (!name.endsWith('.json')) continue
        const state = await readSaved(join(this.#folder, folder, name))
        if (state !== undefined) saved.push(state)
      }
    }
    return saved
  }

  /** Whole or not at all: a reader sees the old state or the new one. */
  async save(key: StateKey, value: string): Promise<void> {
    const path = this.#path(key)
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
    const saved: SavedState = { pipeline: key.pipeline, stream: key.stream, value, savedAt: new Date().toISOString() }
    await writeFileAtomic(path, `${JSON.stringify(saved)}\n`, { mode: 0o600 })
  }

  async reset(key: StateKey): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  #path({ pipeline, stream }: StateKey): string {
    return join(this.#folder, fileName(pipeline), `${fileName(stream)}.json`)
  }
}

/** A name as that of a file: nothing of it can lead elsewhere, and no two names become one, whatever the case means to the
 * file system. */
function fileName(name: string): string {
  const plain = name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 60)
  return /^[a-z0-9_-]{1,60}$/.test(name)
    ? name
    : `${plain}.${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

async function readSaved(path: string): Promise<SavedState | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  const parsed = savedFile.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new AirlockError('STATE_MISMATCH', {
    phase: 'plan',
    params: { at: 'a stream', problem: 'its file is damaged' },
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
