import { join } from 'node:path'
import { AirlockError } from '../../errors/index.js'
import { costOf, type E2BAdapter } from '../../remote/index.js'
import { type Arrangement, arrangeStreams } from '../arrange-streams.js'
import { dropAbandoned, type PartPlan, planParts } from '../parts/plan-parts.js'
import type { StreamReport } from '../report.js'
import { runInOrder } from '../schedule.js'
import { SessionPools } from '../session-pools.js'
import { planStream } from '../stream-plan.js'
import type { RunTask, StreamRunner } from '../stream-runner.js'
import { reportBehind, reportSkipped } from '../stream-task.js'
import { injectHeaders } from './inject-headers.js'
import { makeFrame } from './make-job.js'
import { claimRanges } from './part-claims.js'
import { RemoteJobs } from './remote-jobs.js'

/** A sandbox is charged for at least about so long. */
const ESTIMATED_SECONDS = 60

/** Moves the streams of a run in sandboxes: one after the other in one of them, or, with `parallel`, each in a sandbox of
 * its own, the big ones divided by ranges of their key. */
export function remotely(adapter: E2BAdapter): StreamRunner {
  return async (task) => {
    const { workspace, pipeline, runId, options, signal } = task
    const made = await makeFrame(workspace, pipeline, runId, options, signal)
    const { frame, headers } = adapter.settings.header_injection ? injectHeaders(made) : { frame: made, headers: {} }
    const { arranged, parts, width, stagingSchema } = await arrange(task)
    const folder = join(workspace.config.home, 'runs', runId)
    const run = await adapter.open({
      ...{ run: runId, folder, width, masker: workspace.masker },
      onEvent: (event, line) => {
        const { ts: _, seq: __, ...told } = event
        workspace.telemetry.emit('remote.reported', told)
        options.onRemoteEvent?.(event, line)
      },
    })
    const jobs = new RemoteJobs({ task, frame, run, stagingSchema, headers, allow: adapter.settings.allow })
    const moved = await moveAll(task, jobs, arranged, parts, width)
    // Its events are the proof of what a remote run did.
    const reports = run.isBroken ? moved.map(withoutProof) : moved
    const { seconds, usd, events, ...use } = run.use
    const { cpu: vcpus, memory_mb: memoryMb } = adapter.settings
    return {
      reports,
      remote: {
        provider: 'e2b',
        ...use,
        sandbox_seconds: Math.round(seconds * 1000) / 1000,
        cost_estimate_usd: costOf({ vcpus, memoryMb }, ESTIMATED_SECONDS * width),
        cost_usd: usd,
        events,
        events_file: join(folder, 'events.jsonl'),
      },
    }
  }
}

interface Arranged {
  readonly arranged: Arrangement
  /** Streams that are divided. */
  readonly parts: ReadonlyMap<string, PartPlan>
  /** How many sandboxes may be at work at one time. */
  readonly width: number
  readonly stagingSchema: string | undefined
}

/** Decides what goes where. Sessions that this takes are closed before the first sandbox opens one. */
async function arrange({ workspace, pipeline, runId, options, rules, signal }: RunTask): Promise<Arranged> {
  await using pools = await SessionPools.create(workspace, pipeline, options.parallel ?? 1)
  const onProblem = (error: unknown) => {
    const { code, ref } = workspace.masker.error(error, { phase: 'run' })
    workspace.telemetry.emit('warning.raised', { problem: 'order of streams unknown', code, ref })
  }
  const arranged = await arrangeStreams(workspace, pipeline, pools, options.streams, signal, onProblem)
  const width = pools.parallel
  const parts = new Map<string, PartPlan>()
  if (width === 1) return { arranged, parts, width, stagingSchema: undefined }
  let stagingSchema: string | undefined
  for (const stream of arranged.streams) {
    const found = await pools.use(signal, async ({ source, target }) => {
      const plan = await planStream(stream, source, target, rules, signal)
      const { pipeline: name, sourceName, fullRefresh } = rules
      const context = { source, target, pipeline: name, sourceName, ranges: width, signal }
      const divided = await planParts(plan, { ...context, fullRefresh: fullRefresh === true })
      stagingSchema = target.stagingSchema
      if (typeof divided !== 'string') {
        await dropAbandoned(divided, target, signal)
        const total = divided.bounds.length + 1
        const missing = Array.from({ length: total }, (_, index) => index).filter((one) => !divided.finished.has(one))
        await claimRanges(target, { pipeline: name, stream: stream.name, run: runId }, missing, signal)
      }
      return divided
    })
    if (typeof found !== 'string') parts.set(stream.name, found)
  }
  return { arranged, parts, width, stagingSchema }
}

/** A stream whose rows are written, in a run that cannot say what happened to it. */
function withoutProof(report: StreamReport): StreamReport {
  if (report.status !== 'ok') return report
  const problem = 'the rows are in the target, but the events of this run could not be written'
  const error = new AirlockError('REMOTE_FAILED', { phase: 'remote', params: { problem } })
  return { ...report, status: 'failed', error: error.toJSON() }
}

async function moveAll(
  { options, signal }: RunTask,
  jobs: RemoteJobs,
  { streams, parents }: Arrangement,
  parts: ReadonlyMap<string, PartPlan>,
  width: number,
): Promise<readonly StreamReport[]> {
  const told = (report: StreamReport) => {
    options.onStream?.(report)
    return report
  }
  if (width === 1) return (await jobs.moveTogether(streams, parents)).map(told)
  return await runInOrder(streams, parents, streams.length, {
    run: async (stream) => {
      if (signal.aborted) return told(reportSkipped(stream))
      const divided = parts.get(stream.name)
      return told(divided === undefined ? await jobs.moveWhole(stream) : await jobs.moveInParts(stream, divided))
    },
    skip: (stream, parent) => told(reportBehind(stream, parent)),
  })
}
