import { AirlockError } from '../../errors/index.js'
import type { Perform, WorkerContext } from '../../remote/worker/worker-context.js'
import { MemoryWatch } from '../memory-watch.js'
import { exitCodeOf, statusOf } from '../outcome.js'
import type { StreamReport } from '../report.js'
import { SessionPools } from '../session-pools.js'
import { reportRefused, type StreamContext } from '../stream-task.js'
import type { Job, JobResult, PartOutcome } from './job.js'
import { JobHost } from './job-host.js'
import { JobProgress } from './job-progress.js'
import { rulesOf } from './job-rules.js'
import { JobTelemetry } from './job-telemetry.js'
import { performCommit, performPart } from './perform-parts.js'
import { performStreams } from './perform-streams.js'
import { placeFiles, streamsOf } from './place-files.js'
import { probeConnections } from './probe-connections.js'
import { decodeJob } from './seal-job.js'

interface Done {
  readonly reports: readonly StreamReport[]
  readonly part: PartOutcome | null
}

/** What a worker does with the job that was sealed for it. Throws CONFIG_INVALID for bytes that are no job. */
export const performSealed: Perform = async (bytes, context) => {
  const job = decodeJob(bytes, (value) => void context.masker.add(value))
  const report = await performJob(job, context)
  return { status: report.status, exit: report.exit_code, report }
}

/** Performs a job where everything is that it needs: the same code as on this machine, without a configuration, a home and
 * an audit log. Resolves with its result whatever happened: what stops all of it is the error of each of its streams. */
export async function performJob(given: Job, context: WorkerContext): Promise<JobResult> {
  const { masker, signal } = context
  const telemetry = new JobTelemetry(masker, (name, data) => context.send({ t: 'event', name, data }))
  let done: Done
  try {
    const job = placeFiles(given, context)
    await using host = new JobHost([job.source, job.target], { masker, telemetry })
    const refused = await probeConnections(job, host, context)
    done = refused === undefined ? await perform(job, host, context) : failed(job, refused)
  } catch (error) {
    done = failed(given, error instanceof AirlockError ? error : masker.error(error, { phase: 'run' }))
  }
  const { reports, part } = done
  // A part has no report of its own unless it failed.
  const status = part === null ? statusOf(reports, signal) : 'ok'
  return {
    status,
    exit_code: part === null ? exitCodeOf(reports, signal) : 0,
    streams: reports,
    part,
    counters: telemetry.counters(),
  }
}

async function perform(job: Job, host: JobHost, { signal: asked, send, count }: WorkerContext): Promise<Done> {
  using memory = new MemoryWatch(job.maxMemoryBytes)
  const signal = AbortSignal.any([asked, memory.signal])
  const streams = streamsOf(job)
  await using pools = await SessionPools.create(host, poolsOf(job), job.kind === 'streams' ? job.parallel : 1)
  const { verify, retries } = job
  const onProgress = new JobProgress({ send, count }).report
  const options = { verify, retries, onProgress }
  const context: StreamContext = { host, runId: job.run, signal, options, rules: rulesOf(job), pools }
  if (job.kind === 'streams') return { reports: await performStreams(job, context), part: null }
  try {
    if (job.kind === 'part') return { reports: [], part: await performPart(job, context) }
    return { reports: [await performCommit(job, context)], part: null }
  } catch (error) {
    const known = error instanceof AirlockError ? error : host.masker.error(error, { phase: 'run' })
    return { reports: streams.map((stream) => reportRefused(stream, known)), part: null }
  }
}

/** A commit reads what waits while it writes, as a resumable stream does. */
function poolsOf(job: Job) {
  const streams = streamsOf(job).map((stream) =>
    job.kind === 'commit' ? { ...stream, resume: { ranges: 1 } } : stream,
  )
  return { source: job.source.name, target: job.target.name, streams }
}

function failed(job: Job, error: AirlockError): Done {
  return { reports: streamsOf(job).map((stream) => reportRefused(stream, error)), part: null }
}
