import { createHash } from 'node:crypto'
import type { WorkerBundle } from './bundle.js'
import { type CollectedArtifacts, collectArtifacts } from './collect-artifacts.js'
import type { RemoteEventFields, RemoteEventName, RemoteEventPort } from './events.js'
import { asFault, waitFor } from './fault-retry.js'
import type { SecretSearch } from './part-file.js'
import { PLACES, PROTOCOL_VERSION, type WorkerSpec } from './protocol.js'
import { RemoteFailure } from './remote-failure.js'
import type { RemoteJob } from './remote-job.js'
import { SandboxFault } from './sandbox-fault.js'
import type { CreatedSandbox, SandboxPort } from './sandbox-port.js'
import { seal } from './sealed-channel.js'
import { sendFile } from './send-file.js'
import { type Answer, type WorkerEnd, WorkerSession } from './worker-session.js'

const HEALTH_TRIES = 20
const HEALTH_WAIT_MS = 250
/** Sealed secrets go in through standard input, which older ones do not have. */
const LEAST_ENVD = [0, 3, 0] as const
const CLOCK_SKEW_MS = 60_000
/** What the manifest and the files may take after the work has ended. */
export const COLLECT_MS = 600_000

/** Waiting times, which tests shorten. */
export interface AttemptTimes {
  readonly helloMs: number
  readonly beatMs: number
  /** Beats that may be missed. */
  readonly silentBeats: number
  readonly deadlineMs: number
}

export interface AttemptOptions {
  readonly port: SandboxPort
  readonly sandbox: CreatedSandbox
  readonly events: RemoteEventPort
  readonly bundle: WorkerBundle
  readonly run: string
  readonly job: RemoteJob
  readonly attempt: number
  readonly times: AttemptTimes
  /** Where files are kept that arrive. */
  readonly folder: string
  readonly searchSecrets: () => SecretSearch
  readonly signal: AbortSignal
  /** Text of the worker's error output, for a debug record; masked there and to be masked here once more. */
  readonly onStderr: (text: string) => void
  /** Told before the secrets go into the sandbox: from here on something may have been written. */
  readonly onBegun: () => void
}

/** What one worker has done. */
export interface AttemptEnd {
  readonly ended: WorkerEnd
  readonly artifacts: CollectedArtifacts
}

/** One job in one sandbox that is there: health → code → hello → secrets → frames → end → artifacts. The caller has created
 * the sandbox and kills it. Throws RemoteFailure, after its event. */
export async function runAttempt(options: AttemptOptions): Promise<AttemptEnd> {
  const { port, sandbox, job, attempt, times, signal } = options
  const { id } = sandbox
  const tell = (event: RemoteEventName, fields: RemoteEventFields = {}) =>
    options.events.emit(event, { job: job.id, attempt, sandbox: id, ...fields })
  const events: RemoteEventPort = { emit: tell }
  await waitUntilHealthy(options, tell)
  const spec = await upload(options, events)
  await using worker = await WorkerSession.start({
    ...{ port, sandbox: id, events, signal },
    command: `exec node ${PLACES.bundle}`,
    timeoutMs: times.deadlineMs + times.helloMs,
    silenceMs: times.beatMs * times.silentBeats,
    onFrame: (frame) => {
      if (frame.t === 'probe' && !frame.ok) {
        tell('remote.egress_blocked', { connection: frame.connection, class: frame.class })
      }
      job.onFrame?.(frame, attempt)
    },
    onStderr: options.onStderr,
  })
  const hello = await expectHello(worker, options, spec, tell)
  await handOver(worker, hello, options, tell)
  const ended = await worker.ended()
  await tellEnd(ended, options, tell)
  throwIfOver(ended)
  await closeNetwork(options, tell)
  const artifacts = await collectArtifacts({
    ...{ port, sandbox: id, events, signal },
    ...{ run: options.run, job: job.id, attempt },
    manifestDigest: ended.end?.manifest,
    folder: options.folder,
    searchSecrets: options.searchSecrets,
  })
  return { ended, artifacts }
}

/** There is nothing to be fetched from a sandbox that is gone, nor for a job that nobody waits for. */
function throwIfOver(ended: WorkerEnd | undefined): void {
  if (ended?.reason === 'gone') throw new RemoteFailure('sandbox.gone', 'gone', true)
  if (ended?.reason === 'aborted') throw new RemoteFailure('remote.cancelled', 'aborted', false)
}

/** The work is done: whatever still runs in the sandbox reaches nobody any more. */
async function closeNetwork({ port, sandbox, signal }: AttemptOptions, tell: Tell): Promise<void> {
  try {
    await port.restrict(sandbox.id, { allowOut: [] }, signal)
  } catch (error) {
    tell('sandbox.restrict_failed', { class: asFault(error).faultClass })
  }
}

type Tell = (event: RemoteEventName, fields?: RemoteEventFields) => void

async function waitUntilHealthy({ port, sandbox, signal }: AttemptOptions, tell: Tell): Promise<void> {
  for (let tries = 1; ; tries++) {
    if (await isHealthy(port, sandbox.id, signal)) break
    if (tries === HEALTH_TRIES) {
      tell('sandbox.unready', { retry: true })
      throw new RemoteFailure('sandbox.unready', 'unready', true)
    }
    await waitFor(HEALTH_WAIT_MS, signal)
  }
  if (isOlder(sandbox.envdVersion, LEAST_ENVD)) {
    tell('sandbox.envd_unsupported')
    throw new RemoteFailure('sandbox.envd_unsupported', 'unsupported', false)
  }
}

async function isHealthy(port: SandboxPort, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await port.isHealthy(id, signal)
  } catch (error) {
    if (error instanceof SandboxFault) return false
    throw error
  }
}

/** The code, what it has to read, and what tells it which job it is. Gives the digest of the latter. */
async function upload(options: AttemptOptions, events: RemoteEventPort): Promise<string> {
  const { port, sandbox, bundle, run, job, attempt, times, signal } = options
  const spec: WorkerSpec = {
    v: PROTOCOL_VERSION,
    run,
    job: job.id,
    attempt,
    beat_ms: times.beatMs,
    deadline_ms: times.deadlineMs,
    inputs: job.inputs.map(({ path, data }) => ({ path, size: data.byteLength, sha256: digest(data) })),
  }
  const text = Buffer.from(JSON.stringify(spec))
  const files = [
    { path: PLACES.bundle as string, data: bundle.data },
    { path: PLACES.spec as string, data: text },
    ...job.inputs.map(({ path, data }) => ({ path: `${PLACES.inputs}/${path}`, data })),
  ]
  for (const { path, data } of files) {
    await sendFile({ port, sandbox: sandbox.id, path, data, events, signal })
  }
  return digest(text)
}

/** Waits for the worker to prove what it is; nothing secret leaves before. Throws RemoteFailure. */
async function expectHello(
  worker: WorkerSession,
  { bundle, times }: AttemptOptions,
  spec: string,
  tell: Tell,
): Promise<Answer<'hello'>> {
  const first = await worker.frame(['hello', 'refused'], times.helloMs)
  const fail = (event: RemoteEventName, faultClass: string, retry: boolean, path?: string): never => {
    tell(event, { class: faultClass, retry, ...(path === undefined ? {} : { path }) })
    throw new RemoteFailure(event, faultClass, retry)
  }
  if (first === undefined) {
    const now = await worker.endedAlready()
    throwIfOver(now)
    const exit = now?.command?.exitCode
    if (exit === 127 || exit === 126) return fail('remote.runtime_incompatible', 'node_missing', false)
    return fail('remote.hello_missing', 'silent', true)
  }
  if (first.t === 'refused') {
    if (first.reason === 'runtime') return fail('remote.runtime_incompatible', 'node_version', false)
    return fail('artifact.upload_corrupt', first.reason, true, first.reason === 'inputs' ? PLACES.inputs : PLACES.spec)
  }
  if (first.bundle !== bundle.sha256) return fail('artifact.upload_corrupt', 'digest', true, PLACES.bundle)
  if (first.spec !== spec) return fail('artifact.upload_corrupt', 'digest', true, PLACES.spec)
  if (!first.inputs) return fail('artifact.upload_corrupt', 'digest', true, PLACES.inputs)
  const skew = Math.abs(Date.now() - first.at)
  if (skew > CLOCK_SKEW_MS) tell('remote.clock_skew', { seconds: Math.round(skew / 1000) })
  tell('remote.hello')
  return first
}

async function handOver(
  worker: WorkerSession,
  hello: Answer<'hello'>,
  options: AttemptOptions,
  tell: Tell,
): Promise<void> {
  const { run, job, attempt, times } = options
  const fail = (faultClass: string): never => {
    tell('remote.secrets_failed', { class: faultClass, retry: true })
    throw new RemoteFailure('remote.secrets_failed', faultClass, true)
  }
  try {
    const message = seal(job.payload(attempt), hello.public_key, { run, job: job.id, attempt })
    // It may arrive although the answer does not.
    options.onBegun()
    await worker.write(`${JSON.stringify(message)}\n`)
  } catch (error) {
    return fail(error instanceof SandboxFault ? error.faultClass : 'sealing')
  }
  const answer = await worker.frame(['opened', 'refused'], times.helloMs)
  if (answer === undefined) throwIfOver(await worker.endedAlready())
  if (answer?.t !== 'opened') return fail(answer === undefined ? 'silent' : answer.reason)
  tell('remote.secrets_sealed')
}

/** Says what was wrong with how a worker ended. */
async function tellEnd({ end, command, reason }: WorkerEnd, options: AttemptOptions, tell: Tell): Promise<void> {
  if (reason === 'deadline') tell('remote.command_failed', { class: 'deadline' })
  if (reason !== undefined) return
  const killed = command?.signal !== undefined || command?.exitCode === 137
  if (killed) {
    const bytes = await memoryOf(options, tell)
    tell('remote.command_failed', { class: 'killed', exit: command?.exitCode ?? -1, ...bytes })
  }
  if (!killed && command !== undefined && command.exitCode !== 0 && command.exitCode !== end?.exit) {
    tell('remote.command_failed', { class: 'exit', exit: command.exitCode })
  }
  if (end === undefined) tell(command?.exitCode === 0 ? 'remote.end_missing' : 'remote.result_missing')
}

/** What memory the sandbox had in use: for a worker that was killed by nobody, probably all of it. */
async function memoryOf({ port, sandbox, signal }: AttemptOptions, tell: Tell): Promise<{ readonly bytes?: number }> {
  try {
    const latest = await port.metrics(sandbox.id, signal)
    return latest === undefined ? {} : { bytes: latest.memoryBytes }
  } catch (error) {
    tell('remote.metrics_failed', { class: asFault(error).faultClass })
    return {}
  }
}

function isOlder(version: string, [major, minor, patch]: readonly [number, number, number]): boolean {
  const [a = 0, b = 0, c = 0] = version.split('.').map(Number)
  return a !== major ? a < major : b !== minor ? b < minor : c < patch
}

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
