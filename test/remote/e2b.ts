import { onTestFinished } from 'vitest'
import { Secret } from '../../src/masking/index.js'
import { E2BSandboxPort, type PortLimits } from '../../src/remote/e2b-sandbox-port.js'
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
