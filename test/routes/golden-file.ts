import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What a golden file holds; with AIRLOCK_UPDATE_GOLDEN=1 `actual` is written to it first. */
export async function golden(name: string, actual: unknown): Promise<unknown> {
  const path = fileURLToPath(new URL(`./golden/${name}.json`, import.meta.url))
  if (process.env['AIRLOCK_UPDATE_GOLDEN'] === '1') await writeFile(path, `${JSON.stringify(actual, null, 2)}\n`)
  return JSON.parse(await readFile(path, 'utf8')) as unknown
}
