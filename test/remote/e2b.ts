import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { Secret } from '../../src/masking/index.js'
import { type E2BPortOptions, E2BSandboxPort, type PortLimits } from '../../src/remote/e2b-sandbox-port.js'
import type { RemoteEventFields, RemoteEventName, RemoteEventPort } from '../../src/remote/events.js'
import type { RetryOptions } from '../../src/remote/fault-retry.js'
import { SandboxFault } from '../../src/remote/sandbox-fault.js'
import type { CreateRequest } from '../../src/remote/sandbox-port.js'
import type { E2BServer } from '../../src/testing/index.js'

export const live = (): AbortSignal => new AbortController().signal

export const REQUEST: CreateRequest = {
  template: 'base',
  metadata: { app: 'airlock', deployment: 'd1' },
  ttlSeconds: 180,
  network: { allowOut: [] },
}

type Library = NonNullable<E2BPortOptions['library']>

/** An older library. Any logger makes it fail at every answer with "must return new Response()", so it gets none. */
async function older(): ReturnType<Library> {
  const { E2B } = (await import('e2b-2.45/dist/index.mjs')) as unknown as Awaited<ReturnType<Library>>
  class Older extends E2B {
    constructor({ logger: _, ...options }: NonNullable<ConstructorParameters<typeof E2B>[0]>) {
      super(options)
    }
  }
  return { E2B: Older }
}

/** The client library that this package depends on, and one that asks for the endpoints of the generation before. */
const LIBRARIES: readonly (readonly [version: string, library: Library | undefined])[] = [
  ['2.51', undefined],
  ['2.45', older],
]

let library: Library | undefined

/** The same tests for each version of the library: the ports of all of them are built on it. */
export function describeLibraries(body: (version: string) => void): void {
  describe.each(LIBRARIES)('over e2b %s,', (version, chosen) => {
    beforeAll(() => {
      library = chosen
    })
    afterAll(() => {
      library = undefined
    })
    body(version)
  })
}

/** A port to a server of the test; closed with the test. */
export function portTo(server: E2BServer, limits: Partial<PortLimits> = {}, apiKey = server.apiKey): E2BSandboxPort {
  const port = new E2BSandboxPort({
    connection: {
      apiKey: new Secret(apiKey, 'api_key'),
      domain: 'sandboxes.invalid',
      apiUrl: server.apiUrl,
      sandboxUrl: server.sandboxUrl,
    },
    variables: {},
    limits,
    ...(library === undefined ? {} : { library }),
  })
  onTestFinished(() => port.close())
  return port
}

/** A port and a sandbox of it. */
export async function sandboxOn(server: E2BServer, limits: Partial<PortLimits> = {}) {
  const port = portTo(server, limits)
  const { id } = await port.create(REQUEST, live())
  return { port, id }
}

/** What something failed with, as `class status`. */
export async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (!(error instanceof SandboxFault)) throw error
    return error.status === undefined ? error.faultClass : `${error.faultClass} ${error.status}`
  }
}

/** Events in order, for tests. */
export class Told implements RemoteEventPort {
  readonly events: { readonly event: RemoteEventName; readonly fields: RemoteEventFields }[] = []

  emit(event: RemoteEventName, fields: RemoteEventFields = {}): void {
    this.events.push({ event, fields })
  }

  /** `event class retry` of each, without those that belong to a healthy run. */
  get lines(): string[] {
    return this.events
      .filter(({ event }) => event !== 'artifact.collected')
      .map(({ event, fields }) => [event, fields.class, fields.retry].filter((part) => part !== undefined).join(' '))
  }
}

/** Tries without waiting; `waits` are the milliseconds that would have been waited. */
export function quick(): RetryOptions & { readonly waits: number[] } {
  const waits: number[] = []
  const wait = async (ms: number, signal: AbortSignal) => {
    waits.push(ms)
    if (signal.aborted) throw new SandboxFault('aborted')
  }
  return { waits, wait, random: () => 1 }
}

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}
