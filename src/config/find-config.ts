import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AirlockError } from '../errors/index.js'

/** What the file is called where no name is given. */
export const CONFIG_FILE = 'airlock.yaml'

/** The absolute path of the nearest airlock.yaml, from `folder` upwards. Throws CONFIG_NOT_FOUND. */
export function findConfig(folder: string): string {
  let here = resolve(folder)
  for (;;) {
    const path = join(here, CONFIG_FILE)
    if (existsSync(path)) return path
    const above = dirname(here)
    if (above === here) break
    here = above
  }
  const at = 'the current folder or any folder above it'
  throw new AirlockError('CONFIG_NOT_FOUND', { phase: 'config', params: { at } })
}
