import { expect } from 'vitest'
import { locateBundle } from '../../src/remote/bundle.js'
import type { E2BAdapterOptions } from '../../src/remote/index.js'
import type { PipelineOptions } from '../../src/run/api.js'
import { runPipeline } from '../../src/run/local-runner.js'
import { openAdapter } from '../../src/run/remote/open-adapter.js'
import { remotely } from '../../src/run/remote/run-remotely.js'
import type { RunReport } from '../../src/run/report.js'
import { type E2BServer, type Engine, settle, startE2BServer } from '../../src/testing/index.js'
import { type TwoEnds, twoEnds } from '../run/two-ends.js'

/** Two databases, and a platform of sandboxes. */
export interface RemoteEnds extends AsyncDisposable {
  readonly ends: TwoEnds
  readonly server: E2BServer
  /** Runs streams in sandboxes; the report, whatever happened. */
  run(streams: object, options?: RemoteRunOptions): Promise<RunReport>
  /** Nothing is left of any sandbox. */
  expectNothingLeft(): Promise<void>
}

export type RemoteRunOptions = Pick<PipelineOptions, 'parallel' | 'signal' | 'verify' | 'retries' | 'onRemoteEvent'> &
  Pick<E2BAdapterOptions, 'times' | 'limits'> & {
    /** Of the platform, in place of those that suit tests. */
    readonly settings?: object
    /** Of the connection to the source, e.g. the address of a proxy. */
    readonly source?: object
  }

/** Waiting times that suit a platform on this machine. */
export const QUICK = { helloMs: 8_000, beatMs: 200, silentBeats: 10 }

export async function remoteEnds(from: Engine, to: Engine, bundle: string): Promise<RemoteEnds> {
  const ends = await twoEnds(from, to)
  const server = await startE2BServer()
  const remote = (settings: object) => ({
    e2b: { api_key: '${env:E2B_KEY}', api_url: server.apiUrl, sandbox_url: server.sandboxUrl, ...settings },
  })
  return {
    ends,
    server,
    async run(streams, { times, limits, settings = {}, source = {}, ...options } = {}) {
      const file = { remote: remote({ creations_per_second: 50, ...settings }) }
      await ends.configure({ file, source })
      await using space = await ends.open({ E2B_KEY: server.apiKey })
      await using adapter = await openAdapter(space, {
        bundle: () => locateBundle(bundle),
        times: { ...QUICK, ...times },
        createWaitMs: 20,
        ...(limits === undefined ? {} : { limits }),
      })
      return await runPipeline(space, await ends.pipeline(space, streams), { ...options, runner: remotely(adapter) })
    },
    async expectNothingLeft() {
      const left = () => server.sandboxes().length + server.processes().length
      expect(await settle(left, 0, 5_000)).toBe(0)
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      await ends[Symbol.asyncDispose]()
    },
  }
}
