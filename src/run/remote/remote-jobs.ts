import type { PipelineStream } from '../../config/pipeline.js'
import { partTable } from '../../core/part-table.js'
import { AirlockError } from '../../errors/index.js'
import type { RemoteJob, RemoteResult, RemoteRun, WorkerFrame } from '../../remote/index.js'
import type { CommitJob, Job, JobFrame, JobResult, PartJob, PartOutcome, StreamsJob } from '../jobs/job.js'
import { encodeJob } from '../jobs/seal-job.js'
import { mergeReport, type PartCounts } from '../parts/merge-report.js'
import { partKey, rangeBetween } from '../parts/part-mark.js'
import type { PartPlan } from '../parts/plan-parts.js'
import type { StreamReport } from '../report.js'
import { partDigest } from '../resume-ledger.js'
import type { Parents } from '../schedule.js'
import type { RunTask } from '../stream-runner.js'
import { reportRefused, reportSkipped } from '../stream-task.js'
import { dropStray } from './drop-stray.js'
import type { InjectedHeaders } from './inject-headers.js'
import { inputsOf } from './job-inputs.js'
import { egressOf } from './make-job.js'
import { partFence, partFenceKey } from './part-claims.js'
import { placeOutputs } from './place-outputs.js'
import { RangeRace, type Runner } from './range-race.js'
import { parseResult } from './remote-report.js'
import { RemoteTelling } from './remote-telling.js'

export interface RemoteJobsOptions {
  readonly task: RunTask
  readonly frame: JobFrame
  readonly run: RemoteRun
  /** Where the target keeps staging tables. */
  readonly stagingSchema: string | undefined
  /** What sandboxes may reach beside the hosts of the connections. */
  readonly allow: readonly string[]
  /** What the platform adds to requests, so that it is in no sandbox. */
  readonly headers: InjectedHeaders
}

/** What a job that reads a range came to: the range at the target, or the report of the stream that fails without it. */
type RangeEnd =
  | { readonly won: true; readonly part: PartOutcome; readonly result: JobResult }
  | { readonly won: false; readonly failure: StreamReport }

/** A range that waits at the target, or the report of the stream that fails without it. `read` is what this run has read. */
type LoadedPart = (
  | { readonly table: string; readonly rows: number; readonly read?: PartCounts }
  | { readonly failure: StreamReport }
) & {
  /** Tables of attempts that came to nothing, as far as anybody knows. */
  readonly stray: readonly string[]
}

/** Makes jobs of streams, has them done, and makes reports of what comes back. */
export class RemoteJobs {
  #options: RemoteJobsOptions
  #telling: RemoteTelling
  #count = 0

  constructor(options: RemoteJobsOptions) {
    this.#options = options
    this.#telling = new RemoteTelling(options.task)
  }

  /** All streams in one sandbox, in their order. */
  async moveTogether(streams: readonly PipelineStream[], parents: Parents): Promise<readonly StreamReport[]> {
    if (streams.length === 0) return []
    return await this.#audited(streams, () => this.#move('all', streams, parents))
  }

  /** One stream in a sandbox of its own. */
  async moveWhole(stream: PipelineStream): Promise<StreamReport> {
    const id = this.#id('s')
    const [report] = await this.#audited([stream], () => this.#move(id, [stream], new Map()))
    return report!
  }

  /** One stream in as many sandboxes as it has ranges; another one takes what they have brought into its table. */
  async moveInParts(stream: PipelineStream, plan: PartPlan): Promise<StreamReport> {
    const [report] = await this.#audited([stream], async () => [await this.#moveParts(stream, plan)])
    return report!
  }

  async #moveParts(stream: PipelineStream, plan: PartPlan): Promise<StreamReport> {
    const started = performance.now()
    const { task, frame } = this.#options
    const ranges = Array.from({ length: plan.bounds.length + 1 }, (_, index) => index)
    const race = this.#raceOf(ranges.length - plan.finished.size)
    const loaded = await Promise.all(
      ranges.map(async (index): Promise<LoadedPart> => {
        const before = plan.finished.get(index)
        if (before !== undefined) return { table: before.table, rows: before.rows, stray: [] }
        return await this.#loadPart(stream, plan, index, race)
      }),
    )
    const stray = loaded.flatMap((part) => part.stray)
    const failed = loaded.find((part) => 'failure' in part)
    if (failed !== undefined) {
      return { ...failed.failure, notes: [...failed.failure.notes, ...(await this.#dropStray(stray))] }
    }
    const done = loaded.filter((part) => 'table' in part)
    const parts = done.map(({ table, rows }) => ({ table, rows }))
    const id = this.#id('c')
    const job = (attempt: number): CommitJob => ({
      ...frame,
      kind: 'commit',
      stream,
      parts,
      marks: [partKey, partFenceKey].flatMap((key) => ranges.map((index) => key(frame.pipeline, stream.name, index))),
      fence: { holder: `${task.runId}.${id}`, number: attempt },
    })
    const { result, outcome } = await this.#perform(id, [stream], job, true)
    const report = result?.streams[0] ?? this.#failure(stream, outcome)
    const left = await this.#dropStray(stray)
    if (report.status !== 'ok') return { ...report, notes: [...report.notes, ...left] }
    const counts = done.flatMap(({ read }) => read ?? [])
    const whole = mergeReport(report, counts, { total: ranges.length, skipped: plan.finished.size }, started)
    return { ...whole, notes: [...whole.notes, ...left] }
  }

  async #dropStray(tables: readonly string[]): Promise<readonly string[]> {
    const { task, frame } = this.#options
    const useTarget: Parameters<typeof dropStray>[0] = async (signal, work) => {
      await using session = await task.workspace.connect(frame.target.name, signal)
      await work(session)
    }
    return await dropStray(useTarget, frame.pipeline, tables)
  }

  #raceOf(total: number): RangeRace {
    const { run, task } = this.#options
    return new RangeRace({ total, leastMs: run.stragglerMs, hasRoom: () => run.hasRoom, signal: task.signal })
  }

  /** One range, each attempt of each job into a table of its own: what a lost one still writes disturbs nobody. */
  async #loadPart(stream: PipelineStream, plan: PartPlan, index: number, race: RangeRace): Promise<LoadedPart> {
    const tables = new Set<string>()
    const end = await race.run((runner) => this.#readRange(stream, plan, index, tables, runner))
    if (!end.won) return { failure: end.failure, stray: [...tables] }
    const { table, rows } = end.part
    tables.delete(table)
    return { table, rows, read: countsOf(end.result, end.part), stray: [...tables] }
  }

  /** One job that reads a range; `tables` gets the tables of its attempts. */
  async #readRange(
    stream: PipelineStream,
    { of, column, bounds }: PartPlan,
    index: number,
    tables: Set<string>,
    { copiedAfter, signal, begin }: Runner,
  ): Promise<RangeEnd> {
    const { task, frame, run, stagingSchema } = this.#options
    const id = this.#id(`p${index}-`)
    if (copiedAfter !== undefined) run.tell('partition.copied', { job: id, seconds: copiedAfter })
    const tableOf = (attempt: number) =>
      partTable(stagingSchema, partDigest({ pipeline: frame.pipeline, stream: `${task.runId}.${id}.${attempt}` }, of))
    const job = (attempt: number): PartJob => {
      begin()
      tables.add(tableOf(attempt))
      return {
        ...frame,
        kind: 'part',
        stream,
        range: rangeBetween(column, bounds, index),
        table: tableOf(attempt),
        mark: { of, column, bounds, index },
        fence: partFence(frame.pipeline, stream.name, index, task.runId),
      }
    }
    const { result, outcome } = await this.#perform(id, [stream], job, true, signal)
    const part = result?.part
    // A table that nobody was told to write to is a claim of a sandbox, which is not trusted.
    if (result === undefined || part == null || !tables.has(part.table)) {
      return { won: false, failure: result?.streams[0] ?? this.#failure(stream, outcome) }
    }
    if (part.table !== tableOf(outcome.attempts)) run.tell('partition.fenced', { job: id, attempt: outcome.attempts })
    return { won: true, part, result }
  }

  async #move(id: string, streams: readonly PipelineStream[], parents: Parents): Promise<readonly StreamReport[]> {
    const { task, frame } = this.#options
    const job = (attempt: number): StreamsJob => ({
      ...frame,
      kind: 'streams',
      streams,
      parents: Object.fromEntries(parents),
      parallel: 1,
      fence: { holder: `${task.runId}.${id}`, number: attempt },
    })
    const { result, outcome } = await this.#perform(id, streams, job, isFenced(frame))
    return streams.map((stream) => {
      const report = result?.streams.find((one) => one.stream === stream.name)
      return report ?? this.#failure(stream, outcome)
    })
  }

  /** Has one job done, and takes over what it has counted. */
  async #perform(
    id: string,
    streams: readonly PipelineStream[],
    job: (attempt: number) => Job,
    repeatable: boolean,
    signal = this.#options.task.signal,
  ): Promise<{ readonly result: JobResult | undefined; readonly outcome: RemoteResult }> {
    const { frame, run, allow, headers } = this.#options
    const remote: RemoteJob = {
      id,
      repeatable,
      inputs: await inputsOf(frame.source, streams),
      network: { allowOut: [...egressOf(frame), ...Object.keys(headers), ...allow], headers },
      payload: (attempt) => encodeJob(job(attempt)),
      onFrame: (said: WorkerFrame) => this.#telling.tell(said),
    }
    const outcome = await run.perform(remote, signal)
    const result = outcome.report === undefined ? undefined : parseResult(outcome.report, streams)
    if (result === undefined) return { result, outcome }
    this.#telling.count(result.counters)
    if (result.streams.some(({ error }) => error?.code === 'FENCED')) {
      run.tell('partition.fenced', { job: id, attempt: outcome.attempts })
    }
    const placed = await placeOutputs(frame.target, run, outcome, signal)
    // The rows of a file that did not arrive are not written.
    return { result: placed ? result : undefined, outcome }
  }

  #failure(stream: PipelineStream, { status, failure }: RemoteResult): StreamReport {
    const { reason } = this.#options.task.signal
    if (reason instanceof AirlockError && reason.code === 'MEMORY_LIMIT') return reportRefused(stream, reason)
    if (status === 'cancelled') return reportSkipped(stream)
    const problem = failure === undefined ? 'its report is not one' : `${failure.event} (${failure.class})`
    return reportRefused(stream, new AirlockError('REMOTE_FAILED', { phase: 'remote', params: { problem } }))
  }

  /** Records each stream's intent before any of the work is done, and its outcome after it. */
  async #audited(
    streams: readonly PipelineStream[],
    work: () => Promise<readonly StreamReport[]>,
  ): Promise<readonly StreamReport[]> {
    const { workspace, runId } = this.#options.task
    let reports: readonly StreamReport[] = []
    const all = async (left: readonly PipelineStream[]): Promise<void> => {
      const [stream, ...others] = left
      if (stream === undefined) {
        reports = await work()
        return
      }
      const intent = {
        run: runId,
        stream: stream.name,
        mode: stream.mode,
        masked: Object.keys(stream.mask),
        remote: true,
      }
      const reportOf = () => reports.find((report) => report.stream === stream.name)
      try {
        await workspace.audited(
          'stream.write',
          intent,
          async () => {
            await all(others)
            const report = reportOf()
            if (report?.status !== 'ok') throw new NotWritten(report)
            return report
          },
          (done) => ({ rows: done.rows_written, bytes: done.bytes, route: done.route, policies: done.policies }),
        )
      } catch (error) {
        if (!(error instanceof NotWritten)) throw error
      }
    }
    await all(streams)
    return reports
  }

  #id(prefix: string): string {
    this.#count++
    return `${prefix}${this.#count}`
  }
}

/** Lets the audit log record that a stream was not written; its report says why. */
class NotWritten extends AirlockError {
  constructor(report: StreamReport | undefined) {
    super(report?.error?.code ?? 'REMOTE_FAILED', {
      phase: 'remote',
      params: { problem: 'see the report' },
      ...(report?.error == null ? {} : { ref: report.error.ref }),
    })
  }
}

/** Only these targets can refuse what an attempt that was given up still sends. */
function isFenced({ target }: JobFrame): boolean {
  // A file is put in its place here, once it has arrived whole.
  return ['mysql', 'postgres', 'supabase', 'files'].includes(target.driver)
}

function countsOf({ counters }: JobResult, { rows, bytes, policies }: PartOutcome): PartCounts {
  return { rows, bytes, policies, batches: counters['batches'] ?? 0 }
}
