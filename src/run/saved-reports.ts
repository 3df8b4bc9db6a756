import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Masker } from '../masking/index.js'
import type { RunReport } from './report.js'

/** Keeps a report, masked, as `home/runs/<run_id>.json`, readable by its owner only. */
export async function saveReport(home: string, report: RunReport, masker: Pick<Masker, 'value'>): Promise<void> {
  const folder = join(home, 'runs')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const text = JSON.stringify(masker.value(report), null, 2)
  await writeFileAtomic(join(folder, `${report.run_id}.json`), `${text}\n`, { mode: 0o600 })
}
