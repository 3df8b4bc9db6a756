// By its file: `import 'e2b'` loads its CommonJS, which cannot load its own dependencies before Node 20.19.
import * as current from 'e2b/dist/index.mjs'
import * as older from 'e2b-2.45/dist/index.mjs'
import { afterEach, beforeEach, describe } from 'vitest'
import { type E2BServer, type E2BServerOptions, startE2BServer } from '../../../src/testing/e2b/server.js'

type Sdk = typeof current

/** Both generations of the SDK, as they are published. */
const VERSIONS: readonly (readonly [version: string, sdk: Sdk])[] = [
  ['2.51', current],
  ['2.45', older as unknown as Sdk],
]

export interface Bench {
  readonly version: string
  /** The server of this test. */
  readonly server: E2BServer
  /** The SDK's class, bound to the server. */
  readonly Sandbox: Sdk['Sandbox']
  create(options?: current.SandboxOpts): Promise<current.Sandbox>
}

/** The same suite for each version of the SDK. Every test has a server of its own, which leaves nothing behind. */
export function describeSdk(title: string, options: E2BServerOptions, body: (bench: Bench) => void): void {
  describe.each(VERSIONS)(`${title}, e2b %s`, (version, sdk) => {
    let server: E2BServer
    let Sandbox: Sdk['Sandbox']
    beforeEach(async () => {
      server = await startE2BServer(options)
      Sandbox = new sdk.E2B({ ...connectionOf(server), requestTimeoutMs: 5000 }).Sandbox
    })
    afterEach(() => server.close())
    body({
      version,
      get server() {
        return server
      },
      get Sandbox() {
        return Sandbox
      },
      create: (more = {}) => Sandbox.create({ timeoutMs: 60_000, ...more }),
    })
  })
}

export const E2B = current.E2B

export function connectionOf(server: E2BServer): { apiKey: string; apiUrl: string; sandboxUrl: string } {
  return { apiKey: server.apiKey, apiUrl: server.apiUrl, sandboxUrl: server.sandboxUrl }
}

/** `<class>: <message>` of what is thrown; `done` when nothing is. The SDK's two copies have classes of their own. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'done',
    (error: Error) => `${error.name}: ${error.message}`,
  )
}
