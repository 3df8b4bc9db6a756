import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMasker } from '../../../src/masking/index.js'
import type { WorkerContext } from '../../../src/remote/worker/worker-context.js'
import type { CommitJob, JobFrame, JobResult, PartJob, StreamsJob } from '../../../src/run/jobs/job.js'
import { performJob } from '../../../src/run/jobs/perform-job.js'
import { endClaims } from '../../../src/run/parts/forget-parts.js'
import { partKey, rangeBetween } from '../../../src/run/parts/part-mark.js'
import { claimRanges, partFence, partFenceKey } from '../../../src/run/remote/part-claims.js'
import type { Engine } from '../../../src/testing/index.js'
import { streamsJob } from '../jobs/streams-job.js'
import { type TwoEnds, twoEnds } from '../two-ends.js'

export const ROWS = 900

/** A table `orders` in two ranges of 450 rows, and the jobs that move them, performed here. */
export interface RangeJobs extends AsyncDisposable {
  readonly ends: TwoEnds
  /** The staging table of an attempt at a range, as the target names it. */
  tableOf(index: number, attempt: number): string
  /** Reads a range by one attempt of a run. */
  read(index: number, attempt: number, run?: string): Promise<JobResult>
  /** Writes the table without ranges. */
  whole(): Promise<JobResult>
  /** Writes what waits in these tables. */
  commit(tables: readonly string[]): Promise<JobResult>
  claim(run: string, total?: number): Promise<void>
  /** Names of the saved states. */
  states(): Promise<readonly unknown[]>
  /** Staging tables, without their schema. */
  waiting(): Promise<readonly string[]>
  /** Nothing is in the target. */
  reset(): Promise<void>
}

export async function rangeJobs(from: Engine, to: Engine): Promise<RangeJobs> {
  const staging = to.engine === 'postgres' ? '_airlock_staging.' : ''
  const bounds = [String(ROWS / 2)]
  const folder = mkdtempSync(join(tmpdir(), 'airlock-ranges-'))
  const ends = await twoEnds(from, to)
  const values = Array.from({ length: ROWS }, (_, id) => `(${id}, ${id}.5)`)
  await ends.source.exec(`CREATE TABLE orders (id INT PRIMARY KEY, amount DECIMAL(10,2));
    INSERT INTO orders VALUES ${values.join(', ')}`)
  const { frame, stream, whole } = await makeFrame(ends)
  const context = (): WorkerContext => ({
    spec: { v: 1, run: 'run-1', job: 'job-1', attempt: 1, beat_ms: 1000, deadline_ms: 1000, inputs: [] },
    signal: new AbortController().signal,
    masker: createMasker({}),
    ...{ inputs: folder, data: folder, send: () => undefined, count: () => undefined },
  })
  const jobs: RangeJobs = {
    ends,
    tableOf: (index, attempt) => `${staging}_airlock_part_${String(attempt * 100 + index).padStart(12, '0')}`,
    async read(index, attempt, run = 'run-1') {
      const job: PartJob = {
        ...frame,
        kind: 'part',
        stream,
        range: rangeBetween('id', bounds, index),
        table: jobs.tableOf(index, attempt),
        mark: { of: 'f', column: 'id', bounds, index },
        fence: partFence('nightly', 'orders', index, run),
      }
      return await performJob(job, context())
    },
    async whole() {
      return await performJob(whole, context())
    },
    async commit(tables) {
      const job: CommitJob = {
        ...frame,
        kind: 'commit',
        stream,
        parts: tables.map((table) => ({ table, rows: ROWS / 2 })),
        marks: [0, 1].flatMap((index) => [partKey, partFenceKey].map((key) => key('nightly', 'orders', index))),
        fence: { holder: 'run/orders', number: 1 },
      }
      return await performJob(job, context())
    },
    async claim(run, total = 2) {
      await using space = await ends.open()
      await using target = await space.connect('to')
      const missing = Array.from({ length: total }, (_, index) => index)
      const of = { pipeline: 'nightly', stream: 'orders', run }
      const signal = new AbortController().signal
      await endClaims(target, of, signal)
      await claimRanges(target, of, missing, signal)
    },
    states: async () => (await ends.target.rows('SELECT stream FROM _airlock_state ORDER BY stream')).flat(),
    async waiting() {
      const tables = await ends.target.rows(`SELECT table_name FROM information_schema.tables
        WHERE table_name LIKE '%airlock_part%' AND table_schema IN ('_airlock_staging', '${ends.target.name}')`)
      return tables.flat().map(String)
    },
    async reset() {
      for (const table of await jobs.waiting()) await ends.target.exec(`DROP TABLE ${staging}${table}`)
      await ends.target.exec('DROP TABLE IF EXISTS _airlock_state; DROP TABLE IF EXISTS orders')
    },
    async [Symbol.asyncDispose]() {
      await ends[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return jobs
}

async function makeFrame(ends: TwoEnds): Promise<{
  readonly frame: JobFrame
  readonly stream: PartJob['stream']
  readonly whole: StreamsJob
}> {
  await using space = await ends.open()
  const pipeline = await ends.pipeline(space, { orders: { mode: 'append' } })
  const whole = await streamsJob(space, pipeline)
  const { kind: _, streams, parents: __, parallel: ___, fence: ____, ...frame } = whole
  return { frame, stream: streams[0]!, whole }
}
