import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { RemoteEvent } from '../../src/remote/remote-event-log.js'
import type { RunReport } from '../../src/run/report.js'
import { type E2BFault, type E2BFaultHandle, type E2BRequest, type Engine, settle } from '../../src/testing/index.js'
import { Canaries, canary } from '../leaks/canaries.js'
import { type BuiltBundle, buildBundle } from '../setup/worker-bundle.js'
import { type RemoteEnds, type RemoteRunOptions, remoteEnds } from './remote-ends.js'

/** Calls that stand still are given up soon. */
export const IMPATIENT = {
  createMs: 3_000,
  callMs: 2_000,
  healthMs: 1_000,
  startMs: 3_000,
  uploadMs: 2_000,
  idleMs: 1_100,
}

/** One stream, masked; the source's rows have canaries in both texts. */
export const STREAMS = { orders: { mode: 'replace', mask: { email: 'tokenize', note: 'redact' } } }

/** What a healthy run of one job tells. */
export const HEALTHY = [
  'artifact.collected',
  'remote.hello',
  'remote.job_ended',
  'remote.secrets_sealed',
  'sandbox.created',
  'sandbox.killed',
] as const

/** Whatever happens, a run of these tests is over by then. A healthy one takes seconds; those with several attempts wait for
 * silence, deadlines and retries. */
const LONGEST_MS = 60_000
/** What this process, which is the host, the platform and the tests too, may grow by in one run, garbage and all: a fault
 * never makes it keep what it was sent. */
const MOST_GROWTH = 512 * 1024 * 1024

export type BenchRunOptions = RemoteRunOptions & {
  readonly streams?: object
  /** Something is left, which is for the test to look at. */
  readonly leaves?: true
  /** Of a run of many jobs, or of many rows (60,000). */
  readonly longestMs?: number
}

/** A run with faults, after everything was checked that holds for each. */
export interface FaultRun {
  readonly report: RunReport
  readonly told: readonly RemoteEvent[]
  /** Names of the events beside those of a healthy run, in order of the alphabet, each once. */
  readonly beyond: readonly string[]
  readonly faults: readonly E2BFaultHandle[]
}

/** Two databases with rows that must not be seen, a platform, and what has to be true after any run. */
export class FaultBench implements AsyncDisposable {
  readonly remote: RemoteEnds
  readonly #engines: readonly [from: Engine, to: Engine]
  readonly #bundle: BuiltBundle
  readonly #canaries: Canaries
  readonly #clean = new Set<string>()
  #requests = 0
  #expected = ''

  private constructor(remote: RemoteEnds, bundle: BuiltBundle, engines: readonly [Engine, Engine], canaries: Canaries) {
    this.remote = remote
    this.#bundle = bundle
    this.#engines = engines
    this.#canaries = canaries
  }

  static async create(from: Engine, to: Engine, rows = 300): Promise<FaultBench> {
    const bundle = await buildBundle()
    const remote = await remoteEnds(from, to, bundle.folder)
    const { source, target } = remote.ends
    const [email, note] = [canary(), canary()]
    const values = Array.from({ length: rows }, (_, i) => `(${i}, '${email}${i}@example.com', '${note} ${i}')`)
    await source.exec('CREATE TABLE orders (id BIGINT PRIMARY KEY, email VARCHAR(80), note VARCHAR(80))')
    for (let at = 0; at < rows; at += 1000) {
      await source.exec(`INSERT INTO orders VALUES ${values.slice(at, at + 1000).join(', ')}`)
    }
    const canaries = new Canaries({
      'password of the source': source.password,
      'password of the target': target.password,
      'key of the masks': remote.ends.env['MASK_KEY']!,
      'key of the platform': remote.server.apiKey,
      email,
      note,
    })
    const bench = new FaultBench(remote, bundle, [from, to], canaries)
    await bench.reset()
    expect((await remote.ends.run(STREAMS)).status).toBe('ok')
    bench.#expected = (await bench.contents()) ?? ''
    await bench.reset()
    return bench
  }

  get bundle(): string {
    return this.#bundle.folder
  }

  /** The contents of the target as a local run writes them. */
  get expected(): string {
    return this.#expected
  }

  /** Nothing is in the target. */
  async reset(): Promise<void> {
    await this.remote.ends.target.exec(
      'DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS _airlock_state; DROP SCHEMA IF EXISTS _airlock_staging CASCADE',
    )
  }

  /** Number and digest of the rows in a table of the target; undefined where there is none. */
  async contents(table = 'orders'): Promise<string | undefined> {
    const { target } = this.remote.ends
    const [[there]] = (await target.rows(`SELECT to_regclass('${table}') IS NOT NULL`)) as [[string]]
    if (there === 'f') return undefined
    const query = `SELECT count(*) || ' ' || md5(string_agg(t::text, ',' ORDER BY id)) FROM ${table} t`
    return String((await target.rows(query))[0]?.[0])
  }

  /** What the target keeps beside the tables: how many staging tables, names of saved states, and which of these mark a range. */
  async kept(): Promise<{ readonly tables: number; readonly states: unknown[]; readonly marks: unknown[] }> {
    const { target } = this.remote.ends
    const tables = await target.rows(
      "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%airlock_part%'",
    )
    const states = (await target.rows('SELECT stream FROM _airlock_state ORDER BY 1')).flat()
    return { tables: tables.length, states, marks: states.filter((name) => name?.includes('#part-')) }
  }

  /** Runs with these faults and checks what holds for any run: rows, files, events, secrets, and that nothing is left. */
  async run(
    faults: readonly E2BFault[],
    { streams = STREAMS, leaves, longestMs = LONGEST_MS, ...options }: BenchRunOptions = {},
  ): Promise<FaultRun> {
    const { server } = this.remote
    const handles = faults.map((fault) => server.inject(fault))
    const told: RemoteEvent[] = []
    const texts: string[] = []
    const onRemoteEvent: RemoteRunOptions['onRemoteEvent'] = (event, line) => {
      told.push(event)
      texts.push(line)
      options.onRemoteEvent?.(event, line)
    }
    let report: RunReport
    const { rss } = process.memoryUsage()
    const started = performance.now()
    try {
      report = await this.remote.run(streams, { limits: IMPATIENT, ...options, onRemoteEvent })
    } finally {
      for (const handle of handles) handle.remove()
    }
    expect(performance.now() - started).toBeLessThan(longestMs)
    expect(process.memoryUsage().rss - rss).toBeLessThan(MOST_GROWTH)
    if (leaves !== true) {
      await this.#expectNothingLeft()
      await this.expectSessionsGone()
    }
    await this.#expectSameEvents(report, told)
    await this.#expectFiles(report, told)
    await this.expectNoCanary(JSON.stringify(report), ...texts)
    const healthy: readonly string[] = HEALTHY
    const beyond = [...new Set(told.map(({ event }) => event))].filter((event) => !healthy.includes(event)).sort()
    return { report, told, beyond, faults: handles }
  }

  /** All rows as a local run writes them, or the target as it was; all of them where the run says so. */
  async expectAllOrNothing({ report }: FaultRun): Promise<void> {
    const contents = await this.contents()
    expect([undefined, this.#expected]).toContain(contents)
    if (report.status === 'ok') expect(contents).toBe(this.#expected)
  }

  /** A sandbox that could not be killed, or of which the platform said that it is gone, is on record, and ends with its
   * time; then nothing is left. */
  async expectLeftOnRecord({ told }: FaultRun, message: string): Promise<void> {
    const { server } = this.remote
    for (const { id } of server.sandboxes()) {
      const isTold = told.some(
        ({ event, sandbox }) =>
          ((event === 'sandbox.kill_failed' || event === 'sandbox.kill_noop') && sandbox === id) ||
          event === 'sandbox.orphan_check_failed',
      )
      expect(isTold, message).toBe(true)
      await server.expireSandbox(id)
    }
    await this.#expectNothingLeft()
  }

  /** Nobody is logged in at either end any more. */
  async expectSessionsGone(): Promise<void> {
    const [from, to] = this.#engines
    const { source, target } = this.remote.ends
    const open = async () => (await from.sessions({ user: source.user })) + (await to.sessions({ user: target.user }))
    expect(await settle(open, 0, 5_000)).toBe(0)
  }

  /** Neither on the wire to the platform nor on this disk nor in these texts. The key of the platform is its own header. */
  async expectNoCanary(...texts: readonly string[]): Promise<void> {
    const { requests } = this.remote.server
    for (const request of requests.slice(this.#requests)) this.#searchRequest(request)
    this.#requests = requests.length
    for (const [index, text] of texts.entries()) expect(this.#found(`text ${index}`, text)).toEqual([])
    const home = join(this.remote.ends.folder, 'kept')
    for (const path of await filesBelow(home)) {
      expect(this.#found(path, await readFile(path, 'latin1')), path).toEqual([])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remote[Symbol.asyncDispose]()
    await this.#bundle[Symbol.asyncDispose]()
  }

  /** What is left does not fail the next test too. */
  async #expectNothingLeft(): Promise<void> {
    const { server } = this.remote
    try {
      await this.remote.expectNothingLeft()
    } finally {
      for (const { id } of server.sandboxes()) await server.killSandbox(id)
    }
  }

  #searchRequest({ at, method, path, headers, body }: E2BRequest): void {
    const { 'x-api-key': key, ...others } = headers
    expect(key === undefined || key === this.remote.server.apiKey || key === 'e2b_wrong').toBe(true)
    const where = `${at} ${method}`
    expect(this.#found(where, `${path}\n${JSON.stringify(others)}`), where).toEqual([])
    expect(this.#found(where, body.toString('latin1')), where).toEqual([])
    if (at !== 'stdin') return
    const { input } = JSON.parse(body.toString()) as { input: { stdin: string } }
    expect(this.#found(where, Buffer.from(input.stdin, 'base64').toString('latin1')), where).toEqual([])
  }

  /** Labels of the canaries; what was clean once is not searched again. */
  #found(_: string, text: string): readonly string[] {
    const digest = createHash('sha256').update(text, 'latin1').digest('base64')
    if (this.#clean.has(digest)) return []
    const found = this.#canaries.in(text)
    if (found.length === 0) this.#clean.add(digest)
    return found
  }

  /** The counts of the report are those of the lines in the file, which are what was told, in their order. */
  async #expectSameEvents({ remote }: RunReport, told: readonly RemoteEvent[]): Promise<void> {
    const lines = (await readFile(remote!.events_file, 'utf8')).trimEnd().split('\n')
    const kept = lines.map((line) => JSON.parse(line) as RemoteEvent)
    expect(kept).toEqual(told.map((event) => JSON.parse(JSON.stringify(event)) as RemoteEvent))
    expect(kept.map(({ seq }) => seq)).toEqual(kept.map((_, index) => index + 1))
    const counts: Record<string, number> = {}
    for (const { event } of kept) counts[event] = (counts[event] ?? 0) + 1
    expect(remote!.events).toEqual(counts)
  }

  /** What is on this disk is what was collected, byte for byte as many as the manifest said, and nothing besides. */
  async #expectFiles({ remote }: RunReport, told: readonly RemoteEvent[]): Promise<void> {
    const folder = join(remote!.events_file, '..')
    const files: Record<string, number> = {}
    for (const path of await filesBelow(folder)) {
      const name = path.slice(folder.length + 1)
      if (name !== 'events.jsonl' && !name.includes('/quarantine/')) files[name] = (await stat(path)).size
    }
    const collected: Record<string, number> = {}
    const unproven = new Set<string>()
    for (const { event, job, attempt, path, bytes } of told) {
      if (event === 'artifact.manifest_unavailable' || event === 'artifact.manifest_rejected') {
        unproven.add(`${job}/${attempt}`)
      }
      if (event === 'artifact.collected' && !unproven.has(`${job}/${attempt}`)) {
        collected[`${job}/${attempt}/${path}`] = bytes!
      }
    }
    expect(files).toEqual(collected)
  }
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
