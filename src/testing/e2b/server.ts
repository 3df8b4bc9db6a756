import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AirlockError } from '../../errors/airlock-error.js'
import { ControlPlane } from './control-plane.js'
import { Envd } from './envd.js'
import { Exchange, urlOf } from './exchange.js'
import { FaultInjector } from './fault-injector.js'
import type { E2BFault, E2BFaultHandle } from './faults.js'
import { type E2BLimits, Fleet } from './fleet.js'
import type { E2BNetwork } from './network-rules.js'
import { type E2BRequest, RequestRecord } from './request-log.js'
import type { Sandbox } from './sandbox.js'
import { Watchdog } from './watchdog.js'

export interface E2BServerOptions {
  /** What `X-API-KEY` must be; default: a random one. */
  readonly apiKey?: string
  readonly limits?: E2BLimits
  /** What the sandboxes say their envd is, by which the SDK chooses what it asks for; default 0.6.1. */
  readonly envdVersion?: string
  /** What `node` is inside the sandboxes; default: the binary of this process. */
  readonly guestNode?: string
  /** How much of each request's body is kept for `requests`; default 1 MiB. */
  readonly keepBodyBytes?: number
}

/** A sandbox as a test sees it, from the side of the machine that it runs on. */
export interface E2BSandboxView {
  readonly id: string
  readonly templateId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly envs: Readonly<Record<string, string>>
  readonly state: 'running' | 'paused'
  readonly timeoutAt: Date
  readonly network: E2BNetwork | undefined
  /** `/` of the guest; its home is `home/user` in it. */
  readonly directory: string
  /** Every live process, descendants too. */
  readonly pids: readonly number[]
}

const DEFAULT_ENVD = '0.6.1'
const DEFAULT_KEEP = 1024 * 1024
/** Longer than clients keep unused connections, lest both ends act at once. */
const KEEP_ALIVE_MS = 120_000

/** Starts a server of this machine that speaks what the `e2b` SDK speaks: the API at `apiUrl`, and at `sandboxUrl` the
 * envd of all sandboxes. Commands run for real, in a temporary directory for each sandbox; nothing isolates them. Throws
 * `UNSUPPORTED` on Windows. Close it, or use `await using`. */
export async function startE2BServer(options: E2BServerOptions = {}): Promise<E2BServer> {
  if (process.platform === 'win32') {
    throw new AirlockError('UNSUPPORTED', {
      params: { problem: 'the E2B server needs process groups, which Windows has not' },
    })
  }
  const root = await realpath(await mkdtemp(join(tmpdir(), 'db-airlock-e2b-')))
  const bin = join(root, 'bin')
  await mkdir(bin)
  await symlink(options.guestNode ?? process.execPath, join(bin, 'node'))
  const server = new E2BServer(options, root, bin)
  await server.listen()
  return server
}

/** See `startE2BServer`. */
export class E2BServer {
  readonly apiKey: string
  readonly #root: string
  readonly #keep: number
  readonly #fleet: Fleet
  readonly #control: ControlPlane
  readonly #envd: Envd
  readonly #injector = new FaultInjector()
  readonly #requests: RequestRecord[] = []
  readonly #servers: readonly [api: Server, envd: Server]
  readonly #watchdog: Watchdog
  #closing: Promise<void> | undefined

  constructor(options: E2BServerOptions, root: string, bin: string) {
    this.apiKey = options.apiKey ?? `e2b_${randomBytes(20).toString('hex')}`
    this.#root = root
    this.#watchdog = new Watchdog(root)
    this.#keep = options.keepBodyBytes ?? DEFAULT_KEEP
    this.#fleet = new Fleet(options.limits ?? {}, { root, bin })
    this.#control = new ControlPlane(this.#fleet, this.apiKey, options.envdVersion ?? DEFAULT_ENVD)
    this.#envd = new Envd(this.#fleet)
    const settings = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }
    this.#servers = [
      createServer(settings, (request, response) => void this.#serveApi(request, response)),
      createServer(settings, (request, response) => void this.#serveEnvd(request, response)),
    ]
  }

  /** Called by `startE2BServer`. */
  async listen(): Promise<void> {
    for (const server of this.#servers) server.listen(0, '127.0.0.1')
    await Promise.all(this.#servers.map((server) => once(server, 'listening')))
  }

  /** Base of the control plane: the SDK's option `apiUrl`. */
  get apiUrl(): string {
    return addressOf(this.#servers[0])
  }

  /** Base of all envds: the SDK's option `sandboxUrl`. */
  get sandboxUrl(): string {
    return addressOf(this.#servers[1])
  }

  /** Every request so far, in the order of arrival. Nothing of the replies is kept. */
  get requests(): readonly E2BRequest[] {
    return this.#requests
  }

  /** Running and paused ones, in the order of their creation. */
  sandboxes(): readonly E2BSandboxView[] {
    return this.#fleet.all().map(viewOf)
  }

  /** The ids of all live processes of all sandboxes, ended ones too: empty, or something is left over. */
  processes(): readonly number[] {
    return this.#fleet.pids()
  }

  inject(fault: E2BFault): E2BFaultHandle {
    return this.#injector.inject(fault)
  }

  /** Ends a sandbox as an outage does. Settled when its processes and files are gone; one that is not there is left alone. */
  async killSandbox(id: string): Promise<void> {
    const sandbox = this.#fleet.find(id)
    if (sandbox !== undefined) await this.#fleet.end(sandbox)
  }

  /** Does what happens at the end of a sandbox's time: kills it, or pauses it if it was created so. */
  async expireSandbox(id: string): Promise<void> {
    const sandbox = this.#fleet.find(id)
    if (sandbox !== undefined) await this.#fleet.expire(sandbox)
  }

  /** Signals every process of a sandbox. */
  signalAll(id: string, signal: NodeJS.Signals): void {
    this.#fleet.find(id)?.signalAll(signal)
  }

  /** Ends all sandboxes, cuts all connections, removes all files. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'))
    for (const server of this.#servers) server.close()
    await Promise.all(this.#fleet.all().map((sandbox) => this.#fleet.end(sandbox)))
    for (const server of this.#servers) server.closeAllConnections()
    await Promise.all(closed)
    await rm(this.#root, { recursive: true, force: true, maxRetries: 3 })
    await this.#watchdog.dismiss()
  }

  async #serveApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = urlOf(request)
    const route = this.#control.route(request.method ?? '', pathname)
    const record = this.#record(route?.at ?? 'other', request)
    if (route?.id !== undefined) record.sandbox = route.id
    const exchange = new Exchange(route?.at ?? 'info', 'rest', request, response, record, this.#injector)
    await settle(exchange, () =>
      route === undefined ? this.#control.refuse(pathname) : this.#control.handle(exchange),
    )
  }

  async #serveEnvd(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = urlOf(request)
    const route = this.#envd.route(request.method ?? '', pathname)
    const record = this.#record(route?.at ?? 'other', request)
    const isStream = request.headers['content-type'] === 'application/connect+json'
    const { at, protocol } = route ?? { at: 'stat', protocol: isStream ? 'rpc-stream' : 'rpc' }
    const exchange = new Exchange(at, protocol, request, response, record, this.#injector)
    await settle(exchange, () => (route === undefined ? this.#envd.refuse(pathname) : this.#envd.handle(exchange)))
  }

  #record(at: E2BRequest['at'], request: IncomingMessage): RequestRecord {
    const record = new RequestRecord(at, request, this.#keep)
    this.#requests.push(record)
    return record
  }
}

/** An error of a request is answered, and ends nothing but the request. */
async function settle(exchange: Exchange, handle: () => Promise<void>): Promise<void> {
  try {
    await handle()
  } catch (error) {
    await exchange.fail(error)
  }
}

function viewOf(sandbox: Sandbox): E2BSandboxView {
  const { id, spec, network, directory, timeoutAt } = sandbox
  const { templateId, metadata, envs } = spec
  const state = sandbox.state === 'paused' ? 'paused' : 'running'
  return { id, templateId, metadata, envs, state, timeoutAt, network, directory, pids: sandbox.pids() }
}

function addressOf(server: Server): string {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}
