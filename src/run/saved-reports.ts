import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { RunReport } from './report.js'

/** Keeps a report as `home/runs/<run_id>.json`, readable by its owner only. */
export async function saveReport(home: string, report: RunReport): Promise<void> {
  const folder = join(home, 'runs')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFileAtomic(join(folder, `${report.run_id}.json`), `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 })
}
