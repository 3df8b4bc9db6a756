import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RemoteEventName } from '../../../src/remote/events.js'
import { FrameReader } from '../../../src/remote/frame-reader.js'
import {
  PLACES,
  type WorkerFrame,
  type WorkerManifest,
  type WorkerSpec,
  workerManifest,
} from '../../../src/remote/protocol.js'
import { seal } from '../../../src/remote/sealed-channel.js'
import type { Job, JobResult } from '../../../src/run/jobs/job.js'
import { encodeJob } from '../../../src/run/jobs/seal-job.js'

export interface WorkerLaunch {
  /** Folder of the bundle. */
  readonly bundle: string
  readonly spec?: Partial<WorkerSpec>
  /** Stands for the file of the spec. */
  readonly specText?: (spec: WorkerSpec) => string
  readonly inputs?: Readonly<Record<string, string>>
  /** Told of the folder before the process starts. */
  readonly before?: (folder: string) => void
  /** The program and its first arguments; this Node where it is not given. */
  readonly node?: readonly string[]
}

type Of<T extends WorkerFrame['t']> = Extract<WorkerFrame, { t: T }>

/** How a worker ended, and what it left. */
export interface WorkerEnded {
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
  readonly frames: readonly WorkerFrame[]
  readonly remote: readonly RemoteEventName[]
  readonly stdout: string
  readonly stderr: string
  readonly manifest: WorkerManifest | undefined
  readonly result: JobResult | undefined
}

const RUN = { run: 'run-1', job: 'job-1', attempt: 1 } as const

/** A worker in a folder of its own, as a sandbox would have it: the bundle, its spec, its inputs, an empty environment. */
export class WorkerProcess implements AsyncDisposable {
  readonly folder: string
  readonly child: ChildProcessWithoutNullStreams
  readonly frames: WorkerFrame[] = []
  readonly #spec: WorkerSpec
  readonly #closed: Promise<unknown>
  readonly #reader: FrameReader
  readonly #remote: RemoteEventName[] = []
  #stdout = ''
  #stderr = ''
  #onFrame: (() => void)[] = []

  private constructor(folder: string, spec: WorkerSpec, child: ChildProcessWithoutNullStreams) {
    this.folder = folder
    this.#spec = spec
    this.child = child
    this.#closed = once(child, 'close')
    this.#reader = new FrameReader({
      onFrame: (frame) => {
        this.frames.push(frame)
        for (const wake of this.#onFrame.splice(0)) wake()
      },
      backfill: () => readFile(this.at(PLACES.events), 'utf8'),
      events: { emit: (event) => this.#remote.push(event) },
    })
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk
      this.#reader.push(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk
    })
    child.stdin.on('error', () => undefined)
  }

  static async start({
    bundle,
    spec: given,
    specText = JSON.stringify,
    before,
    inputs = {},
    node = [process.execPath],
  }: WorkerLaunch): Promise<WorkerProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'airlock-worker-'))
    const put = async (path: string, data: string | Uint8Array) => {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), data)
    }
    const spec: WorkerSpec = {
      ...{ v: 1, ...RUN, beat_ms: 200, deadline_ms: 120_000 },
      inputs: Object.entries(inputs).map(([path, text]) => ({
        path,
        size: Buffer.byteLength(text),
        sha256: createHash('sha256').update(text).digest('hex'),
      })),
      ...given,
    }
    await put(PLACES.bundle, await readFile(join(bundle, 'worker.cjs')))
    await put(PLACES.spec, specText(spec))
    for (const [path, text] of Object.entries(inputs)) await put(join(PLACES.inputs, path), text)
    before?.(folder)
    const [program, ...args] = [...node, PLACES.bundle, PLACES.spec]
    const env = node.length > 1 ? { PATH: process.env['PATH'], HOME: folder } : {}
    return new WorkerProcess(folder, spec, spawn(program!, args, { cwd: folder, env: env as NodeJS.ProcessEnv }))
  }

  at(place: string): string {
    return join(this.folder, place)
  }

  /** Waits for a frame. */
  async frame<T extends WorkerFrame['t']>(t: T): Promise<Of<T>> {
    for (;;) {
      const found = this.frames.find((frame): frame is Of<T> => frame.t === t)
      if (found !== undefined) return found
      const woken = new Promise<void>((resolve) => this.#onFrame.push(resolve))
      const ended = this.#closed.then(async () => {
        await this.#reader.end()
        if (!this.frames.some((frame) => frame.t === t)) throw new Error(`no ${t}: ${this.#stdout}${this.#stderr}`)
      })
      await Promise.race([woken, ended])
    }
  }

  /** Seals a job for the worker that said hello. */
  async give(job: Job | Uint8Array): Promise<void> {
    const { public_key: key } = await this.frame('hello')
    const bytes = job instanceof Uint8Array ? job : encodeJob(job)
    this.child.stdin.write(`${JSON.stringify(seal(bytes, key, this.#spec))}\n`)
  }

  /** Waits for the end of the process. */
  async ended(): Promise<WorkerEnded> {
    await this.#closed
    await this.#reader.end()
    const manifest = await jsonAt(this.at(PLACES.manifest))
    return {
      exit: this.child.exitCode,
      signal: this.child.signalCode,
      frames: this.frames,
      remote: this.#remote,
      stdout: this.#stdout,
      stderr: this.#stderr,
      manifest: manifest === undefined ? undefined : workerManifest.parse(manifest),
      result: (await jsonAt(join(this.at(PLACES.out), PLACES.report))) as JobResult | undefined,
    }
  }

  /** Gives the job and waits for the end. */
  async perform(job: Job): Promise<WorkerEnded> {
    await this.give(job)
    return await this.ended()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.#closed
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function jsonAt(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}
