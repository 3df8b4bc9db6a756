import { join } from 'node:path'
import { locateBundle, type WorkerBundle } from './bundle.js'
import { SandboxBudget } from './cost.js'
import { CreateRate } from './create-rate.js'
import { E2BSandboxPort, type PortLimits } from './e2b-sandbox-port.js'
import type { SecretSearch } from './part-file.js'
import { type RemoteEvent, RemoteEventLog } from './remote-event-log.js'
import { RemoteRun, type RunTimes } from './remote-run.js'
import type { RemoteSettings } from './remote-settings.js'
import type { SandboxPort } from './sandbox-port.js'
import { sweep } from './sweeper.js'

const ATTEMPTS = 3
const CREATE_WAIT_MS = 500
/** What earlier runs have left may wait for the next run. */
const SWEEP_MS = 10_000
/** A sandbox takes about five seconds to be created and to begin: a copy of a range that is sooner done cannot help. */
const STRAGGLER_MS = 10_000
const TIMES: Omit<RunTimes, 'deadlineMs'> = {
  helloMs: 20_000,
  beatMs: 5_000,
  silentBeats: 3,
  stragglerMs: STRAGGLER_MS,
}

export interface E2BAdapterOptions {
  /** `remote.e2b` of airlock.yaml. */
  readonly settings: RemoteSettings
  /** Whose sandboxes these are: letters, digits, dots and dashes. */
  readonly deployment: string
  /** The variables of this process: some of them would redirect or disable the client library. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** What runs in the sandboxes; the one that was built with this package where it is not given. */
  readonly bundle?: () => Promise<WorkerBundle>
  readonly limits?: Partial<PortLimits>
  /** Shorter ones are for tests. */
  readonly times?: Partial<RunTimes>
  readonly createWaitMs?: number
}

/** What opening a run takes. */
export interface OpenRemoteRun {
  readonly run: string
  /** For its events and the files that arrive. */
  readonly folder: string
  readonly masker: { search(): SecretSearch; text(text: string): string }
  /** Sandboxes at one time, within the plan's limit. */
  readonly width: number
  readonly onEvent?: (event: RemoteEvent, line: string) => void
  readonly onStderr?: (job: string, text: string) => void
}

/** Sandboxes of E2B, or of a platform that speaks its protocol. Its owner closes it. */
export class E2BAdapter implements AsyncDisposable {
  readonly port: SandboxPort
  readonly deployment: string
  readonly settings: RemoteSettings
  #options: E2BAdapterOptions
  #bundle: Promise<WorkerBundle> | undefined

  /** Throws CONFIG_INVALID where the environment would change what the client library does, e.g. with `E2B_DEBUG`. */
  constructor(options: E2BAdapterOptions) {
    const { settings, deployment, variables, limits } = options
    this.#options = options
    this.settings = settings
    this.deployment = deployment
    this.port = new E2BSandboxPort({
      connection: {
        apiKey: settings.api_key,
        domain: settings.domain,
        apiUrl: settings.api_url,
        sandboxUrl: settings.sandbox_url,
      },
      variables,
      ...(limits === undefined ? {} : { limits }),
    })
  }

  /** Begins a run, after it has cleared away what earlier ones left: from here on everything is an event. Throws CONFIG_INVALID where the worker's bundle is not as it was
   * built. */
  async open({ run, folder, masker, width, onEvent, onStderr }: OpenRemoteRun): Promise<RemoteRun> {
    const { settings, deployment, port } = this
    const events = new RemoteEventLog({
      run,
      file: join(folder, 'events.jsonl'),
      mask: (text) => masker.text(text),
      ...(onEvent === undefined ? {} : { onEvent }),
    })
    let bundle: WorkerBundle
    try {
      this.#bundle ??= (this.#options.bundle ?? locateBundle)()
      bundle = await this.#bundle
    } catch (error) {
      this.#bundle = undefined
      events.emit('remote.bundle_failed', { class: 'digest' })
      throw error
    }
    await sweep({ port, deployment, events, signal: AbortSignal.timeout(SWEEP_MS), timeMs: SWEEP_MS })
    const size = { vcpus: settings.cpu, memoryMb: settings.memory_mb }
    return new RemoteRun({
      ...{ run, deployment, port, events, bundle, folder },
      searchSecrets: () => masker.search(),
      template: settings.template,
      rate: new CreateRate({
        concurrent: Math.min(width, settings.concurrent),
        perSecond: settings.creations_per_second,
      }),
      budget: new SandboxBudget({ size, maxUsd: settings.max_cost_usd }),
      times: { ...TIMES, deadlineMs: settings.time_limit_minutes * 60_000, ...this.#options.times },
      leaseSeconds: settings.lease_seconds,
      attempts: ATTEMPTS,
      createWaitMs: this.#options.createWaitMs ?? CREATE_WAIT_MS,
      onStderr: onStderr ?? (() => undefined),
    })
  }

  /** Lets go of its connections. Sandboxes belong to runs. */
  async close(): Promise<void> {
    await this.port.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
