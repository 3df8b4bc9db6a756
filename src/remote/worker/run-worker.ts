import { realpathSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { abortError } from '../../core/errors-at-boundary.js'
import { AirlockError } from '../../errors/index.js'
import { createMasker, type Masker } from '../../masking/index.js'
import { FrameWriter } from '../frame-writer.js'
import type { WorkerFrame } from '../protocol.js'
import { createKeyPair, open, type SealKeyPair } from '../sealed-channel.js'
import { digestFile } from './digest-file.js'
import { leaveArtifacts } from './leave-artifacts.js'
import { Life } from './life.js'
import { readLine } from './read-line.js'
import { hasInputs, type ReadSpec, readSpec } from './read-spec.js'
import type { Perform, WorkerContext, WorkerOutcome } from './worker-context.js'
import { placesAround, type WorkerPlaces } from './worker-places.js'

/** Longest sealed job in bytes. */
const MAX_SEALED_BYTES = 16 << 20

export interface WorkerOptions {
  /** Gives the work. Asked for once the hello is out, so that its code loads while the host seals the job. */
  readonly load: () => Promise<Perform>
  /** The bundle, around which everything else lies; the script that was started where it is not given. */
  readonly bundle?: string
  readonly input?: Readable
}

/** One worker in a sandbox: says hello with the digests of what it is, takes one sealed job from its input, performs it
 * with a heartbeat, leaves the artifacts and the manifest, and says how it ended. Resolves with the exit code. Nothing
 * secret is in its arguments, its environment or its files. */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const masker = createMasker({})
  const life = new Life(masker)
  const places = placesAround(realpathSync(options.bundle ?? process.argv[1]!))
  for (const folder of [places.inputs, places.data]) await mkdir(folder, { recursive: true, mode: 0o700 })
  const frames = new FrameWriter({
    file: places.events,
    mask: (text) => masker.text(text),
    onGone: () => life.end('TERMINATED'),
  })
  const refuse = (reason: Extract<WorkerFrame, { t: 'refused' }>['reason']): number => {
    frames.write({ t: 'refused', reason, node: process.versions.node })
    return 1
  }
  const read = await readSpec(places.spec).catch(unreadable)
  if (read === undefined) return refuse('spec')
  life.limit(read.spec.deadline_ms)
  const keys = createKeyPair()
  if (!(await greet(frames, places, read, keys))) return refuse('inputs')
  const loading = options.load()
  const job = await openJob(options.input ?? process.stdin, read, keys, life)
  if (job === undefined) return refuse('secrets')
  frames.write({ t: 'opened' })
  return await work(await loading, job, { frames, life, masker, places, read })
}

/** The hello; false where an input is not what the spec says. */
async function greet(
  frames: FrameWriter,
  places: WorkerPlaces,
  { spec, sha256 }: ReadSpec,
  keys: SealKeyPair,
): Promise<boolean> {
  const inputs = await hasInputs(places.inputs, spec.inputs)
  frames.write({
    t: 'hello',
    at: Date.now(),
    node: process.versions.node,
    arch: process.arch,
    pid: process.pid,
    bundle: (await digestFile(places.bundle)).sha256,
    spec: sha256,
    inputs,
    public_key: keys.publicKey,
  })
  return inputs
}

/** The job as it was sealed; undefined where it did not come, or does not open. */
async function openJob(
  input: Readable,
  { spec }: ReadSpec,
  keys: SealKeyPair,
  life: Life,
): Promise<Uint8Array | undefined> {
  try {
    const line = await readLine(input, MAX_SEALED_BYTES, life.signal)
    return line === undefined ? undefined : open(JSON.parse(line), keys, spec)
  } catch (error) {
    life.say(`airlock worker: ${error instanceof AirlockError ? error.message : 'the sealed job cannot be read'}`)
    return undefined
  }
}

interface Worker {
  readonly frames: FrameWriter
  readonly life: Life
  readonly masker: Masker
  readonly places: WorkerPlaces
  readonly read: ReadSpec
}

async function work(perform: Perform, job: Uint8Array, worker: Worker): Promise<number> {
  const { frames, life, masker, places, read } = worker
  let moved = { rows: 0, bytes: 0 }
  const context: WorkerContext = {
    spec: read.spec,
    signal: life.signal,
    masker,
    inputs: places.inputs,
    data: places.data,
    send: (frame) => frames.write(frame),
    count: (now) => {
      moved = now
    },
  }
  const beat = setInterval(
    () => frames.write({ t: 'beat', rss: process.memoryUsage.rss(), ...moved }),
    read.spec.beat_ms,
  )
  const outcome = await outcomeOf(perform, job, context)
  const report = masker.value(outcome.report)
  const manifest = await leaveArtifacts(places, read.spec, { ...outcome, report })
  clearInterval(beat)
  frames.write({ t: 'end', status: outcome.status, exit: outcome.exit, manifest })
  frames.closeFile()
  return outcome.exit
}

/** Work that throws has failed; what it says is masked. */
async function outcomeOf(perform: Perform, job: Uint8Array, context: WorkerContext): Promise<WorkerOutcome> {
  try {
    return await perform(job, context)
  } catch (error) {
    const { signal, masker } = context
    const other = () => (signal.aborted ? abortError(signal, 'remote') : masker.error(error, { phase: 'remote' }))
    const known = error instanceof AirlockError ? error : other()
    const status = signal.aborted ? 'cancelled' : 'failed'
    return { status, exit: known.exitCode, report: { error: known.toJSON() } }
  }
}

function unreadable(): undefined {
  // Missing or not to be read: refused like one that is wrong.
}
