/** Eight processes on one durable directory: throughput, p99 and fairness against the same loop with proper-lockfile:
 * `npx tsx bench/sinks/processes.ts`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AuditLog } from '../../src/sinks/index.js'
import { median, peer, report } from './harness.js'

const PROCESSES = 8
const WINDOW_MS = 5000
const ROUNDS = Number(process.env['AIRLOCK_BENCH_ROUNDS'] ?? 3)

interface Outcome {
  readonly rate: number
  readonly p99: number
  /** Progress of the slowest process as a share of the mean. */
  readonly fairness: number
}

async function round(kind: string): Promise<Outcome> {
  const dir = mkdtempSync(join(process.env['AIRLOCK_BENCH_DIR'] ?? tmpdir(), 'airlock-bench-'))
  try {
    const script = fileURLToPath(new URL('./writer-process.ts', import.meta.url))
    const children = Array.from({ length: PROCESSES }, () =>
      spawn(process.execPath, ['--import', 'tsx', script, dir, kind, String(WINDOW_MS)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
    await Promise.all(children.map((child) => once(child.stdout, 'data')))
    writeFileSync(join(dir, 'go'), '')
    const results = await Promise.all(
      children.map(async (child) => {
        const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
        return JSON.parse(chunk.toString()) as { stored: number; p99: number }
      }),
    )
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')))
    if (kind === 'audit' && !(await AuditLog.verify(dir)).ok) throw new Error('the log does not verify')
    const stored = results.map((result) => result.stored)
    const total = stored.reduce((sum, count) => sum + count, 0)
    return {
      rate: (total / WINDOW_MS) * 1000,
      p99: Math.max(...results.map((result) => result.p99)),
      fairness: Math.min(...stored) / (total / PROCESSES),
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const kinds = (await peer('proper-lockfile')) === undefined ? ['audit'] : ['audit', 'proper-lockfile']
const outcomes = new Map<string, Outcome[]>(kinds.map((kind) => [kind, []]))
for (let i = 0; i < ROUNDS; i += 1) {
  for (const kind of i % 2 === 0 ? kinds : kinds.toReversed()) outcomes.get(kind)!.push(await round(kind))
}
const middle = (kind: string, of: (outcome: Outcome) => number): number => median(outcomes.get(kind)!.map(of))
for (const kind of kinds) {
  const [rate, p99, fairness] = [(o: Outcome) => o.rate, (o: Outcome) => o.p99, (o: Outcome) => o.fairness].map((of) =>
    middle(kind, of),
  )
  process.stdout.write(
    `     ${kind.padEnd(16)} ${Math.round(rate!)} ev/s, p99 ${p99!.toFixed(1)} ms, slowest ${fairness!.toFixed(2)} of mean\n`,
  )
}
report(
  'slowest process, share of mean progress',
  middle('audit', (o) => o.fairness),
  0.5,
)
if (kinds.length > 1) {
  report(
    '8 processes vs proper-lockfile',
    middle('audit', (o) => o.rate) / middle('proper-lockfile', (o) => o.rate),
    1.2,
  )
  report('p99 vs proper-lockfile', middle('audit', (o) => o.p99) / middle('proper-lockfile', (o) => o.p99), 1, true)
}
