import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Printed } from './all-types.js'

/** What arrives on one route. */
export interface GoldenRoute {
  readonly policies: Readonly<Record<string, string>>
  readonly counters: Readonly<Record<'source' | 'target', Readonly<Record<string, number>>>>
  readonly columns: Printed
}

const pathOf = (name: string) => fileURLToPath(new URL(`./golden/${name}.json`, import.meta.url))

/** What a golden file holds. */
export async function readGolden(name: string): Promise<GoldenRoute> {
  return JSON.parse(await readFile(pathOf(name), 'utf8')) as GoldenRoute
}

/** What a golden file holds; with AIRLOCK_UPDATE_GOLDEN=1 `actual` is written to it first. */
export async function golden(name: string, actual: GoldenRoute): Promise<GoldenRoute> {
  if (process.env['AIRLOCK_UPDATE_GOLDEN'] === '1') {
    await writeFile(pathOf(name), `${JSON.stringify(actual, null, 2)}\n`)
  }
  return await readGolden(name)
}
