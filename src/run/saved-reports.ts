import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { AirlockError } from '../errors/index.js'
import type { Masker } from '../masking/index.js'
import type { RunReport } from './report.js'

/** When a run began, and three random bytes. */
const RUN_ID = /^\d{8}T\d{6}-[0-9a-f]{6}$/

/** Keeps a report, masked, as `home/runs/<run_id>.json`, readable by its owner only. */
export async function saveReport(home: string, report: RunReport, masker: Pick<Masker, 'value'>): Promise<void> {
  const folder = join(home, 'runs')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeReport(join(folder, `${report.run_id}.json`), report, masker)
}

/** Writes a report, masked, to a file that a person named: whole or not at all, readable by its owner only. Throws USAGE
 * where it cannot be written. */
export async function writeSummary(path: string, report: RunReport, masker: Pick<Masker, 'value'>): Promise<void> {
  try {
    await writeReport(resolve(path), report, masker)
  } catch {
    const problem = 'the file of --summary cannot be written; the report is under `airlock runs show`'
    throw new AirlockError('USAGE', { phase: 'run', params: { problem } })
  }
}

async function writeReport(path: string, report: RunReport, masker: Pick<Masker, 'value'>): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(masker.value(report), null, 2)}\n`, { mode: 0o600 })
}

/** One line of `airlock runs list`. */
export interface RunEntry {
  readonly run_id: string
  /** Null where the report cannot be read. */
  readonly report: RunReport | null
}

/** Runs whose reports are kept, the newest first, `limit` of them at most. */
export async function listReports(home: string, limit: number): Promise<readonly RunEntry[]> {
  const ids = (await namesIn(join(home, 'runs')))
    .filter((name) => name.endsWith('.json') && RUN_ID.test(name.slice(0, -5)))
    .map((name) => name.slice(0, -5))
  const newest = ids.sort().reverse().slice(0, limit)
  return await Promise.all(newest.map(async (run_id) => ({ run_id, report: await readReport(home, run_id) })))
}

/** The report of one run, or of the newest. Throws USAGE for an id that is none or that nothing is kept of: an id never
 * leads anywhere but into `home/runs`. */
export async function showReport(home: string, id: string | undefined): Promise<RunReport> {
  const found = id ?? (await listReports(home, 1))[0]?.run_id
  if (found === undefined) throw usage('no run is kept')
  if (!RUN_ID.test(found)) throw usage('a run id is one of those that `airlock runs list` prints')
  const report = await readReport(home, found)
  if (report === null) throw usage(`no report of the run ${found} can be read`)
  return report
}

async function readReport(home: string, id: string): Promise<RunReport | null> {
  try {
    const value: unknown = JSON.parse(await readFile(join(home, 'runs', `${id}.json`), 'utf8'))
    return isReport(value) && value.run_id === id ? value : null
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return null
    throw error
  }
}

function isReport(value: unknown): value is RunReport {
  if (typeof value !== 'object' || value === null) return false
  return 'run_id' in value && 'streams' in value && Array.isArray(value.streams) && 'connections' in value
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

function usage(problem: string): AirlockError {
  return new AirlockError('USAGE', { phase: 'config', params: { problem } })
}
