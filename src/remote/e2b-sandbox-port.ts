import type { CommandHandle, E2B, EntryInfo, Sandbox } from 'e2b/dist/index.mjs'
import type { Agent } from 'undici'
import { type CallBounds, withCallDeadline } from './call-deadline.js'
import { classifySandboxError, type FaultContext } from './classify-sandbox-error.js'
import { E2BCommand } from './e2b-command.js'
import { type ClientOptions, clientOptions, type E2BConnection } from './e2b-connection.js'
import { rangedDownload } from './ranged-download.js'
import { RetryAfterListener } from './retry-after.js'
import { SandboxFault } from './sandbox-fault.js'
import type {
  CommandRequest,
  CreatedSandbox,
  CreateRequest,
  ListedSandbox,
  NetworkRules,
  RemoteCommand,
  RemoteEntry,
  SandboxMetrics,
  SandboxPort,
} from './sandbox-port.js'

/** How long a call may take, in milliseconds. */
export interface PortLimits {
  readonly createMs: number
  readonly callMs: number
  readonly healthMs: number
  readonly startMs: number
  /** And a second for every 256 KiB. */
  readonly uploadMs: number
  /** How long a download may stand still. */
  readonly idleMs: number
}

export interface E2BPortOptions {
  readonly connection: E2BConnection
  /** The variables of this process: some of them would redirect or disable the client library. */
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly limits?: Partial<PortLimits>
  /** The client library; the one that this package depends on where it is not given. */
  readonly library?: () => Promise<ClientLibrary>
}

type ClientLibrary = Pick<typeof import('e2b/dist/index.mjs'), 'E2B'>

const LIMITS: PortLimits = {
  createMs: 60_000,
  callMs: 20_000,
  healthMs: 5000,
  startMs: 30_000,
  uploadMs: 60_000,
  idleMs: 30_000,
}
const UPLOAD_BYTES_PER_MS = 256
/** The port at which the daemon of a sandbox listens, for platforms that route by header. */
const ENVD_PORT = '49983'
const DENY_ALL = ['0.0.0.0/0']
const SIGNATURE_SECONDS = 60
const PAGE = 100
const PAGES = 30
const DEPTH = 16
const DOWNLOADS = 64

/** `SandboxPort` over the client library `e2b` 2.x. The library is loaded with the first call and bound to one platform;
 * nothing is taken from its environment. Files and commands are those of sandboxes that this port created. */
export class E2BSandboxPort implements SandboxPort {
  readonly #options: ClientOptions
  readonly #limits: PortLimits
  readonly #library: () => Promise<ClientLibrary>
  readonly #answers = new RetryAfterListener()
  readonly #sandboxes = new Map<string, Sandbox>()
  #client: Promise<E2B> | undefined
  #agent: Promise<Agent> | undefined

  /** Throws CONFIG_INVALID where the environment would change what the client library does. */
  constructor({ connection, variables, limits, library = openLibrary }: E2BPortOptions) {
    this.#library = library
    this.#limits = { ...LIMITS, ...limits }
    this.#options = clientOptions(connection, variables, this.#limits.callMs)
  }

  async create(request: CreateRequest, signal: AbortSignal): Promise<CreatedSandbox> {
    const sandbox = await this.#control(signal, this.#limits.createMs, async ({ Sandbox }, bounded) => {
      return await Sandbox.create(request.template, {
        metadata: { ...request.metadata },
        timeoutMs: request.ttlSeconds * 1000,
        network: { ...networkOf(request.network), allowPublicTraffic: false },
        lifecycle: { onTimeout: 'kill' },
        signal: bounded,
        requestTimeoutMs: this.#limits.createMs,
      })
    })
    const id = checkedId(sandbox.sandboxId)
    this.#sandboxes.set(id, sandbox)
    const envdVersion = String(hidden(sandbox).envdApi.version)
    return { id, envdVersion: /^[\w.+-]{1,40}$/.test(envdVersion) ? envdVersion : 'unknown' }
  }

  async list(match: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly ListedSandbox[]> {
    return await this.#control(signal, this.#limits.callMs, async ({ Sandbox }, bounded) => {
      const pages = Sandbox.list({ query: { metadata: { ...match }, state: ['running', 'paused'] }, limit: PAGE })
      const found: ListedSandbox[] = []
      for (let page = 0; pages.hasNext; page++) {
        if (page === PAGES) throw new SandboxFault('server_error')
        for (const { sandboxId, state, metadata, startedAt } of await pages.nextItems({ signal: bounded })) {
          // A platform may not know how to filter.
          const fits = Object.entries(match).every(([key, value]) => metadata[key] === value)
          if (fits) found.push({ id: checkedId(sandboxId), state, metadata, startedAt })
        }
      }
      return found
    })
  }

  async kill(id: string, signal: AbortSignal): Promise<boolean> {
    const isKilled = await this.#control(signal, this.#limits.callMs, async ({ Sandbox }, bounded) => {
      return await Sandbox.kill(id, { signal: bounded })
    })
    this.#sandboxes.delete(id)
    return isKilled
  }

  async extend(id: string, ttlSeconds: number, signal: AbortSignal): Promise<void> {
    await this.#control(signal, this.#limits.callMs, async ({ Sandbox }, bounded) => {
      await Sandbox.setTimeout(id, ttlSeconds * 1000, { signal: bounded })
    })
  }

  async restrict(id: string, network: NetworkRules, signal: AbortSignal): Promise<void> {
    await this.#control(signal, this.#limits.callMs, async ({ Sandbox }, bounded) => {
      // Replaces everything, so it always says everything.
      await Sandbox.updateNetwork(id, networkOf(network), { signal: bounded })
    })
  }

  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    return await this.#control(signal, this.#limits.callMs, async ({ Sandbox }, bounded) => {
      const latest = (await Sandbox.getMetrics(id, { signal: bounded })).at(-1)
      return latest === undefined ? undefined : { cpuPercent: latest.cpuUsedPct, memoryBytes: latest.memUsed }
    })
  }

  async isHealthy(id: string, signal: AbortSignal): Promise<boolean> {
    const sandbox = this.#sandbox(id)
    return await this.#bounded(signal, this.#limits.healthMs, {}, async (bounded) => {
      return await sandbox.isRunning({ signal: bounded, requestTimeoutMs: 0 })
    })
  }

  async upload(id: string, path: string, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const ms = this.#limits.uploadMs + Math.ceil(data.byteLength / UPLOAD_BYTES_PER_MS)
    await this.#inside(id, signal, ms, async ({ files }, bounded) => {
      const body = new Blob([data as Uint8Array<ArrayBuffer>])
      await files.write(path, body, { gzip: true, useOctetStream: true, signal: bounded, requestTimeoutMs: ms })
    })
  }

  async sizeOf(id: string, path: string, signal: AbortSignal): Promise<number | undefined> {
    try {
      return await this.#inside(id, signal, this.#limits.callMs, async ({ files }, bounded) => {
        const { type, size } = await files.getInfo(path, { signal: bounded, requestTimeoutMs: 0 })
        return type === 'file' ? size : undefined
      })
    } catch (error) {
      if (error instanceof SandboxFault && error.faultClass === 'not_found') return undefined
      throw error
    }
  }

  async listFiles(id: string, folder: string, signal: AbortSignal): Promise<readonly RemoteEntry[]> {
    return await this.#inside(id, signal, this.#limits.callMs, async ({ files }, bounded) => {
      const options = { signal: bounded, requestTimeoutMs: 0 }
      const root = await files.getInfo(folder, options)
      const entries = await files.list(folder, { ...options, depth: DEPTH })
      return entries.map((entry) => entryOf(entry, root.path))
    })
  }

  async start(id: string, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand> {
    return await this.#command(id, request, signal, async ({ commands }, options) => {
      return await commands.run(request.command, { ...options, background: true, stdin: true })
    })
  }

  async attach(id: string, pid: number, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand> {
    return await this.#command(id, request, signal, async ({ commands }, options) => {
      return await commands.connect(pid, options)
    })
  }

  async download(id: string, path: string, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const sandbox = this.#sandbox(id)
    const context = { isAlive: () => this.#isAlive(sandbox) }
    const agent = await this.#downloads()
    const scope = new AbortController()
    const abort = () => scope.abort(new DOMException('the caller gave up', 'AbortError'))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    const end = () => signal.removeEventListener('abort', abort)
    try {
      // Platforms of an older kind have sandboxes without a token, and then links without a signature.
      const isSigned = hidden(sandbox).envdAccessToken !== undefined
      const url = await sandbox.downloadUrl(path, isSigned ? { useSignatureExpiration: SIGNATURE_SECONDS } : {})
      const headers = { 'E2b-Sandbox-Id': id, 'E2b-Sandbox-Port': ENVD_PORT }
      const body = await rangedDownload(agent, { url, headers, from, signal: scope.signal })
      return this.#read(body, signal, context, end)
    } catch (error) {
      end()
      if (error instanceof SandboxFault && error.status === 502) throw await this.#asked(error, sandbox)
      throw await classifySandboxError(error, { ...context, aborted: signal.aborted, expired: false })
    }
  }

  async close(): Promise<void> {
    this.#answers.close()
    this.#sandboxes.clear()
    await (await this.#agent)?.destroy()
  }

  async *#read(
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    context: Pick<FaultContext, 'isAlive'>,
    end: () => void,
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) yield chunk
    } catch (error) {
      throw await classifySandboxError(error, { ...context, aborted: signal.aborted, expired: false })
    } finally {
      end()
    }
  }

  async #command(
    id: string,
    request: CommandRequest,
    signal: AbortSignal,
    open: (sandbox: Sandbox, options: StreamOptions) => Promise<CommandHandle>,
  ): Promise<RemoteCommand> {
    const sandbox = this.#sandbox(id)
    const isAlive = () => this.#isAlive(sandbox)
    const { timeoutMs, onStdout, onStderr } = request
    // The signal ends the stream as long as it lives; the time of the call bounds the beginning only.
    const options = { timeoutMs, onStdout, onStderr, signal, requestTimeoutMs: this.#limits.startMs }
    try {
      return new E2BCommand({
        handle: await open(sandbox, options),
        timeoutMs,
        call: (caller, work) => this.#bounded(caller, this.#limits.callMs, { isAlive }, (bounded) => work(bounded)),
        classify: (error) => classifySandboxError(error, { isAlive, aborted: signal.aborted, expired: false }),
      })
    } catch (error) {
      throw await classifySandboxError(error, { isAlive, aborted: signal.aborted, expired: false })
    }
  }

  /** A call to the platform, which is bound to one address. */
  async #control<T>(
    signal: AbortSignal,
    ms: number,
    work: (client: E2B, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#client ??= this.#library().then(({ E2B }) => new E2B(this.#options))
    const client = await this.#client
    return await this.#bounded(signal, ms, {}, (bounded) => work(client, bounded))
  }

  /** A call to a sandbox, which is asked whether it lives where the failure leaves that open. */
  async #inside<T>(
    id: string,
    signal: AbortSignal,
    ms: number,
    work: (sandbox: Sandbox, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const sandbox = this.#sandbox(id)
    const context = { isAlive: () => this.#isAlive(sandbox) }
    return await this.#bounded(signal, ms, context, (bounded) => work(sandbox, bounded))
  }

  async #bounded<T>(
    signal: AbortSignal,
    ms: number,
    context: Pick<FaultContext, 'isAlive'>,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return await this.#answers.hear(async (heard) => {
      return await withCallDeadline(signal, ms, async (bounds: CallBounds) => {
        try {
          return await work(bounds.signal)
        } catch (error) {
          const { aborted } = signal
          const { retryAfterMs } = heard
          throw await classifySandboxError(error, { ...context, aborted, expired: bounds.expired(), retryAfterMs })
        }
      })
    })
  }

  async #isAlive(sandbox: Sandbox): Promise<boolean | undefined> {
    try {
      return await sandbox.isRunning({ requestTimeoutMs: this.#limits.healthMs })
    } catch {
      return undefined // it was asked because of a failure, which is what is told
    }
  }

  /** A proxy says 502 for a sandbox that is gone and for one that it cannot reach. */
  async #asked(fault: SandboxFault, sandbox: Sandbox): Promise<SandboxFault> {
    return (await this.#isAlive(sandbox)) === false ? new SandboxFault('gone', { status: 502 }) : fault
  }

  #sandbox(id: string): Sandbox {
    const sandbox = this.#sandboxes.get(id)
    if (sandbox === undefined) throw new SandboxFault('gone')
    return sandbox
  }

  #downloads(): Promise<Agent> {
    this.#agent ??= openAgent(this.#limits.idleMs)
    return this.#agent
  }
}

/** What the library knows of a sandbox and has in no public field. */
interface Hidden {
  readonly envdApi: { readonly version: unknown }
  readonly envdAccessToken: string | undefined
}

function hidden(sandbox: Sandbox): Hidden {
  return sandbox as unknown as Hidden
}

interface StreamOptions {
  readonly timeoutMs: number
  readonly requestTimeoutMs: number
  readonly signal: AbortSignal
  readonly onStdout: (chunk: string) => void
  readonly onStderr: (chunk: string) => void
}

async function openLibrary(): Promise<ClientLibrary> {
  // By its file: what `e2b` alone names is CommonJS that requires a module, which Node 20.18 cannot.
  return await import('e2b/dist/index.mjs')
}

async function openAgent(idleMs: number): Promise<Agent> {
  const { Agent } = await import('undici')
  return new Agent({
    connections: DOWNLOADS,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    connect: { timeout: idleMs },
  })
}

/** Everything is denied but what is allowed; a host name is allowed only where everything else is denied by address. */
function networkOf({ allowOut, headers = {} }: NetworkRules) {
  const rules = Object.fromEntries(
    Object.entries(headers).map(([host, values]) => [host, [{ transform: { headers: { ...values } } }]]),
  )
  return { allowOut: [...allowOut], denyOut: DENY_ALL, rules }
}

function entryOf({ path, type, size, symlinkTarget }: EntryInfo, root: string): RemoteEntry {
  const isLink = symlinkTarget !== undefined && symlinkTarget !== ''
  return {
    path: path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path,
    kind: isLink ? 'other' : type === 'file' ? 'file' : type === 'dir' ? 'folder' : 'other',
    size,
  }
}

/** Ids stand in paths of requests and in events. */
function checkedId(id: unknown): string {
  if (typeof id === 'string' && /^[A-Za-z0-9_-]{1,100}$/.test(id)) return id
  throw new SandboxFault('server_error')
}
