import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { WorkerBundle } from './bundle.js'
import type { SandboxBudget } from './cost.js'
import type { CreateRate } from './create-rate.js'
import { createSandbox } from './create-sandbox.js'
import type { RemoteEventFields, RemoteEventName } from './events.js'
import { waitFor } from './fault-retry.js'
import { type AttemptEnd, type AttemptTimes, COLLECT_MS, runAttempt } from './job-attempt.js'
import { killSandbox } from './kill-sandbox.js'
import { Lease } from './lease.js'
import type { SecretSearch } from './part-file.js'
import type { RemoteEventLog } from './remote-event-log.js'
import { RemoteFailure } from './remote-failure.js'
import type { RemoteJob, RemoteResult } from './remote-job.js'
import { SandboxFault } from './sandbox-fault.js'
import { metadataOf } from './sandbox-metadata.js'
import type { CreatedSandbox, SandboxPort } from './sandbox-port.js'

/** Waiting times of a run, which tests shorten. */
export interface RunTimes extends AttemptTimes {
  /** How long a range of a table may take in any case before another job reads it too. */
  readonly stragglerMs: number
}

export interface RemoteRunOptions {
  readonly run: string
  readonly deployment: string
  readonly port: SandboxPort
  readonly template: string
  readonly bundle: WorkerBundle
  readonly events: RemoteEventLog
  readonly rate: CreateRate
  readonly budget: SandboxBudget
  readonly times: RunTimes
  readonly leaseSeconds: number
  /** How often a job is tried, each time in a new sandbox. */
  readonly attempts: number
  /** First wait between two tries at a sandbox, and between two attempts at a job; it doubles. */
  readonly createWaitMs: number
  /** Files that arrive are kept here, in a folder for each job and attempt. */
  readonly folder: string
  readonly searchSecrets: () => SecretSearch
  readonly onStderr: (job: string, text: string) => void
}

const LONGEST_WAIT_MS = 15_000

/** What one run has used. */
export interface RemoteUse {
  readonly jobs: number
  readonly sandboxes: number
  readonly seconds: number
  readonly usd: number
  readonly events: Readonly<Record<string, number>>
  readonly missing: readonly { readonly job: string; readonly path: string; readonly reason: string }[]
}

/** The jobs of one run, each in a sandbox of its own per attempt, within the plan's limits and the run's budget. Every
 * sandbox that was created is killed before its job resolves. */
export class RemoteRun {
  #options: RemoteRunOptions
  #sandboxes = 0
  #jobs = 0
  #missing: { job: string; path: string; reason: string }[] = []

  constructor(options: RemoteRunOptions) {
    this.#options = options
  }

  /** Whether some event could not be written: then nothing that was done is a success. */
  get isBroken(): boolean {
    return this.#options.events.broken
  }

  /** What it has used so far. */
  get use(): RemoteUse {
    const { budget, events } = this.#options
    return {
      ...budget.spent,
      jobs: this.#jobs,
      sandboxes: this.#sandboxes,
      events: events.counts,
      missing: this.#missing,
    }
  }

  /** Tells an event that concerns no sandbox. */
  tell(event: RemoteEventName, fields?: RemoteEventFields): void {
    this.#options.events.emit(event, fields)
  }

  /** How long a range of a table may take in any case before another job reads it too. */
  get stragglerMs(): number {
    return this.#options.times.stragglerMs
  }

  /** Whether a job that could be left out would have a sandbox at once: a place is free, and the budget has room for one
   * more after it, which the last job of a stream will need. */
  get hasRoom(): boolean {
    return this.#options.rate.isFree && this.#options.budget.allows(2)
  }

  /** Where the files of an attempt are kept. */
  folderOf(job: string, attempt: number): string {
    return join(this.#options.folder, job, String(attempt))
  }

  /** Does one job, in further attempts where that is right. Never throws for what happens to sandboxes: look at `status`
   * and `failure`. An abort ends it as `cancelled`; one whose reason is a RemoteFailure says with which event. */
  async perform(job: RemoteJob, asked: AbortSignal): Promise<RemoteResult> {
    const { events } = this.#options
    // All jobs of a run end with one signal, and each listens in several places: they listen to one of their own.
    const signal = AbortSignal.any([asked])
    this.#jobs++
    for (let attempt = 1; ; attempt++) {
      let begun = false
      let failure: RemoteFailure
      try {
        const done = await this.#inSandbox(job, attempt, signal, () => {
          begun = true
        })
        const result = resultOf(done, attempt, this.folderOf(job.id, attempt))
        const isWhole = result.report !== undefined && result.missing.length === 0
        events.emit('remote.job_ended', { job: job.id, attempt, class: result.status })
        for (const { path, reason } of result.missing) this.#missing.push({ job: job.id, path, reason })
        if (isWhole || result.status === 'cancelled') return result
        // What did arrive is more than nothing, where nothing better can come.
        if (result.report !== undefined && !this.#mayRepeat(job, attempt, begun, signal)) return result
        failure = new RemoteFailure(
          done.artifacts.manifest === undefined ? 'artifact.manifest_unavailable' : 'artifact.lost',
          'no_report',
          true,
        )
      } catch (error) {
        failure = failureOf(error)
      }
      const why = { event: failure.event, class: failure.faultClass }
      const nothing = { report: undefined, files: [], missing: [] }
      const none = { ...nothing, attempts: attempt, failure: why, folder: this.folderOf(job.id, attempt) }
      if (signal.aborted) return this.#cancelled(job, none, signal)
      if (failure.retry && this.#mayRepeat(job, attempt, begun, signal) && (await this.#pause(attempt, signal)))
        continue
      if (signal.aborted) return this.#cancelled(job, none, signal)
      events.emit('partition.lost', { job: job.id, attempt, class: failure.faultClass })
      return { status: 'failed', ...none }
    }
  }

  /** Another attempt may write once more what an earlier one has begun only where that one is fenced off. */
  #mayRepeat({ repeatable }: RemoteJob, attempt: number, begun: boolean, signal: AbortSignal): boolean {
    return !signal.aborted && attempt < this.#options.attempts && (repeatable || !begun)
  }

  /** Waits before the next attempt; false where it was cancelled meanwhile. */
  async #pause(attempt: number, signal: AbortSignal): Promise<boolean> {
    const longest = Math.min(LONGEST_WAIT_MS, this.#options.createWaitMs * 2 ** attempt)
    try {
      await waitFor(longest * (0.5 + Math.random() / 2), signal)
      return true
    } catch (error) {
      if (error instanceof SandboxFault) return false // the caller tells that it was cancelled
      throw error
    }
  }

  #cancelled(job: RemoteJob, none: Omit<RemoteResult, 'status'>, { reason }: AbortSignal): RemoteResult {
    const { event, faultClass } =
      reason instanceof RemoteFailure ? reason : new RemoteFailure('remote.cancelled', 'aborted', false)
    this.#options.events.emit(event, { job: job.id, attempt: none.attempts, class: faultClass })
    return { status: 'cancelled', ...none }
  }

  /** Creates a sandbox, does one attempt in it, and kills it whatever happened. */
  async #inSandbox(job: RemoteJob, attempt: number, signal: AbortSignal, onBegun: () => void): Promise<AttemptEnd> {
    const { events, rate, budget } = this.#options
    await using _place = await rate.reserve(signal)
    if (!budget.mayStart()) {
      events.emit('remote.cost_limit', { job: job.id, attempt })
      throw new RemoteFailure('remote.cost_limit', 'cost', false)
    }
    let started: number | undefined
    try {
      const sandbox = await this.#create(job, attempt, signal)
      started = performance.now()
      return await this.#attempt(job, attempt, sandbox, signal, onBegun)
    } finally {
      budget.add(started === undefined ? 0 : (performance.now() - started) / 1000)
    }
  }

  async #attempt(
    job: RemoteJob,
    attempt: number,
    sandbox: CreatedSandbox,
    signal: AbortSignal,
    onBegun: () => void,
  ): Promise<AttemptEnd> {
    const { port, events, bundle, run, times, leaseSeconds, searchSecrets } = this.#options
    const lost = new AbortController()
    const own = {
      emit: (event: RemoteEventName, fields: RemoteEventFields = {}) =>
        events.emit(event, { job: job.id, attempt, ...fields }),
    }
    const lease = new Lease({
      ...{ port, sandbox: sandbox.id, lost, seconds: leaseSeconds, events: own },
      until: performance.now() + times.helloMs + times.deadlineMs + COLLECT_MS,
    })
    let givenUp: string | undefined
    try {
      const done = await runAttempt({
        ...{ port, sandbox, events, bundle, run, job, attempt, times, onBegun, searchSecrets },
        onStderr: (text) => this.#options.onStderr(job.id, text),
        folder: this.folderOf(job.id, attempt),
        signal: AbortSignal.any([signal, lost.signal]),
      })
      givenUp = done.ended.reason
      return done
    } catch (error) {
      if (!lost.signal.aborted || signal.aborted) throw error
      throw new RemoteFailure('sandbox.lease_failed', 'gone', true)
    } finally {
      await lease.stop()
      const problem = await killSandbox(port, sandbox.id, own)
      if (problem === undefined && givenUp !== undefined) own.emit('remote.killed', { class: givenUp })
      if (problem !== undefined && signal.aborted) own.emit('remote.kill_failed', { class: problem })
    }
  }

  async #create(job: RemoteJob, attempt: number, signal: AbortSignal): Promise<CreatedSandbox> {
    const { port, events, rate, run, deployment, template, times, leaseSeconds, createWaitMs } = this.#options
    const ids = { job: job.id, attempt }
    const tag = randomBytes(4).toString('hex')
    const longest = (times.helloMs + times.deadlineMs + COLLECT_MS) / 1000
    const sandbox = await createSandbox({
      ...{ port, signal, waitMs: createWaitMs },
      events: { emit: (event, fields) => events.emit(event, { ...ids, ...fields }) },
      turn: (waiting) => rate.turn(waiting),
      request: (count) => ({
        template,
        metadata: metadataOf({
          ...{ deployment, run, job: job.id, attempt, try: `${tag}-${count}` },
          expires: new Date(Date.now() + longest * 1000),
        }),
        ttlSeconds: leaseSeconds,
        network: job.network,
      }),
    })
    this.#sandboxes++
    events.emit('sandbox.created', { ...ids, sandbox: sandbox.id })
    if (!events.broken) return sandbox
    // Nobody could find a sandbox that is written down nowhere.
    events.emit('sandbox.untracked', { ...ids, sandbox: sandbox.id })
    await killSandbox(port, sandbox.id, { emit: (event, fields) => events.emit(event, { ...ids, ...fields }) })
    throw new RemoteFailure('sandbox.untracked', 'file', false)
  }
}

function failureOf(error: unknown): RemoteFailure {
  if (error instanceof RemoteFailure) return error
  if (error instanceof SandboxFault) return new RemoteFailure('remote.command_failed', error.faultClass, true)
  throw error
}

/** Success only by proof: the manifest says so, and everything that it names is here. */
function resultOf({ ended, artifacts }: AttemptEnd, attempts: number, folder: string): RemoteResult {
  const { manifest, files, missing, report } = artifacts
  const whole = manifest !== undefined && missing.length === 0 && report !== undefined
  const [first] = missing
  const lost = first === undefined ? undefined : { event: 'artifact.lost', class: first.reason }
  const given = ended.reason === undefined ? lost : { event: 'remote.killed', class: ended.reason }
  const status = manifest === undefined ? 'failed' : whole ? manifest.status : 'partial'
  return { status, report, files, missing, attempts, folder, failure: status === 'ok' ? undefined : given }
}
