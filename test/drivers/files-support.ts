import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { z } from 'zod'
import type { Batch } from '../../src/core/batch.js'
import type { OpenOptions } from '../../src/core/define-driver.js'
import type { ExtractRequest } from '../../src/core/driver.js'
import type { ManagedSession } from '../../src/core/managed-session.js'
import { files } from '../../src/drivers/index.js'

export type FilesSettings = Omit<z.input<typeof files.spec.config>, 'root'>

/** A folder of the test's own, removed afterwards, with these files in it. */
export function folder(contents: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'airlock-files-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(root, name), content)
  return root
}

/** A session that is closed when the test ends. */
export async function open(
  root: string,
  settings: FilesSettings = {},
  options: OpenOptions = {},
): Promise<ManagedSession> {
  const session = await files.open({ root, ...settings }, options)
  onTestFinished(() => session.close())
  return session
}

/** Every row that is read, as text. */
export async function rowsOf(session: ManagedSession, request: ExtractRequest): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = []
  for await (const batch of session.extract(request)) rows.push(...cellsOf(batch))
  return rows
}

/** The rows of one file with this content. */
export async function read(content: string | Uint8Array, settings: FilesSettings = {}): Promise<(string | null)[][]> {
  const root = folder({ [`t.${settings.format ?? 'csv'}`]: content })
  return await rowsOf(await open(root, settings), { table: 't' })
}

export function cellsOf(batch: Batch): (string | null)[][] {
  return Array.from({ length: batch.rowCount }, (_, row) =>
    batch.columns.map((_, column) => {
      const cell = batch.cell(row, column)
      return cell === null ? null : Buffer.from(cell).toString('utf8')
    }),
  )
}

/** Everything in the folder, hidden files too. */
export function entries(root: string): string[] {
  return readdirSync(root).sort()
}
