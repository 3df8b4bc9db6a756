import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { loadPipeline } from '../../src/config/load-pipeline.js'
import type { Pipeline } from '../../src/config/pipeline.js'
import { planPipeline, type RunOptions, runPipeline } from '../../src/run/local-runner.js'
import type { RunReport, StreamReport } from '../../src/run/report.js'
import type { StreamPlan } from '../../src/run/stream-plan.js'
import { type StreamComparison, verifyPipeline } from '../../src/run/verify-pipeline.js'
import { Workspace } from '../../src/run/workspace.js'
import type { Engine, EngineName, TestDatabase } from '../../src/testing/index.js'

/** A database at each end, and a folder with a configuration and the pipeline `nightly`. */
export interface TwoEnds extends AsyncDisposable {
  readonly folder: string
  readonly source: TestDatabase
  readonly target: TestDatabase
  /** Runs streams; the report, whatever happened. */
  run(streams: object, options?: RunOptions): Promise<RunReport>
  /** Runs one stream that must arrive. */
  move(stream: object, options?: RunOptions): Promise<StreamReport>
  plan(streams: object, options?: RunOptions): Promise<readonly StreamPlan[]>
  verify(streams: object): Promise<readonly StreamComparison[]>
  /** With the configuration of the two ends changed. */
  configure(changes: { readonly source?: object; readonly target?: object; readonly file?: object }): Promise<void>
  /** With further variables in its environment. */
  open(further?: Readonly<Record<string, string>>): Promise<Workspace>
  pipeline(space: Workspace, streams: object): Promise<Pipeline>
  /** What a process needs in its environment to reach both ends. */
  readonly env: Readonly<Record<string, string>>
}

/** Creates both databases and the folder; disposing removes them. */
export async function twoEnds(from: Engine, to: Engine): Promise<TwoEnds> {
  const [source, target] = await Promise.all([from.createDatabase('from'), to.createDatabase('to')])
  const folder = await mkdtemp(join(tmpdir(), 'airlock-ends-'))
  const env = { FROM: source.password, TO: target.password, MASK_KEY: 'key of the test' }
  const connection = (engine: Engine, { name, user }: TestDatabase, variable: string) => ({
    driver: engine.engine satisfies EngineName,
    host: engine.host,
    port: engine.port,
    database: name,
    user,
    password: `\${env:${variable}}`,
  })
  const ends: TwoEnds = {
    folder,
    source,
    target,
    env,
    async configure(changes) {
      const connections = {
        from: { ...connection(from, source, 'FROM'), ...changes.source },
        to: { ...connection(to, target, 'TO'), ...changes.target },
      }
      const file = { home: 'kept', mask_key: '${env:MASK_KEY}', ...changes.file, connections }
      await writeFile(join(folder, 'airlock.yaml'), JSON.stringify(file))
    },
    open: (further = {}) => Workspace.open({ cwd: folder, env: { ...env, ...further } }),
    async pipeline(space, streams) {
      const path = join(folder, 'nightly.yaml')
      await writeFile(path, JSON.stringify({ name: 'nightly', source: 'from', target: 'to', streams }))
      return await loadPipeline(path, space.config)
    },
    async run(streams, options) {
      await using space = await ends.open()
      return await runPipeline(space, await ends.pipeline(space, streams), options)
    },
    async move(stream, options) {
      const { streams } = await ends.run({ orders: stream }, options)
      expect(streams.map(({ status, error }) => ({ status, error }))).toEqual([{ status: 'ok', error: null }])
      return streams[0]!
    },
    async plan(streams, options) {
      await using space = await ends.open()
      return await planPipeline(space, await ends.pipeline(space, streams), options)
    },
    async verify(streams) {
      await using space = await ends.open()
      return await verifyPipeline(space, await ends.pipeline(space, streams))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([source.drop(), target.drop(), rm(folder, { recursive: true, force: true })])
    },
  }
  await ends.configure({})
  return ends
}
