import { randomBytes } from 'node:crypto'
import type { Exchange } from './exchange.js'
import type { E2BPoint } from './faults.js'
import type { Fleet } from './fleet.js'
import { networkOf } from './network-rules.js'
import { type Answer, Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'
import { pageOf } from './sandbox-page.js'

interface Route {
  readonly at: E2BPoint
  readonly method: string
  /** Its first group is the sandbox's id. */
  readonly path: RegExp
}

/** Both generations: the SDK creates and connects under /v2 since 2.51, and without before. */
const ROUTES: readonly Route[] = [
  { at: 'create', method: 'POST', path: /^\/(?:v2\/)?sandboxes$/ },
  { at: 'list', method: 'GET', path: /^\/(?:v2\/)?sandboxes$/ },
  { at: 'connect', method: 'POST', path: /^\/(?:v2\/)?sandboxes\/(\w+)\/connect$/ },
  { at: 'info', method: 'GET', path: /^\/sandboxes\/(\w+)$/ },
  { at: 'kill', method: 'DELETE', path: /^\/sandboxes\/(\w+)$/ },
  { at: 'timeout', method: 'POST', path: /^\/sandboxes\/(\w+)\/timeout$/ },
  { at: 'resume', method: 'POST', path: /^\/sandboxes\/(\w+)\/resume$/ },
  { at: 'pause', method: 'POST', path: /^\/sandboxes\/(\w+)\/pause$/ },
  { at: 'network', method: 'PUT', path: /^\/sandboxes\/(\w+)\/network$/ },
  { at: 'metrics', method: 'GET', path: /^\/sandboxes\/(\w+)\/metrics$/ },
]

/** Parts of E2B's API that this server says it does not have. */
const LEFT_OUT =
  /^\/(?:v\d\/)?(?:templates|volumes|secrets|snapshots|sandboxes\/\w+\/(?:fork|snapshots|logs|refreshes))/

const CPU_COUNT = 2
const MEMORY_MB = 512
const DISK_MB = 10_240

/** What E2B's API answers about sandboxes: `X-API-KEY`, JSON, errors as `{code, message}`. */
export class ControlPlane {
  readonly #fleet: Fleet
  readonly #apiKey: string
  readonly #envdVersion: string

  constructor(fleet: Fleet, apiKey: string, envdVersion: string) {
    this.#fleet = fleet
    this.#apiKey = apiKey
    this.#envdVersion = envdVersion
  }

  /** What a request is for, and for which sandbox; undefined where it is for nothing that is served here. */
  route(method: string, path: string): { readonly at: E2BPoint; readonly id: string | undefined } | undefined {
    for (const route of ROUTES) {
      const match = route.method === method ? route.path.exec(path) : null
      if (match !== null) return { at: route.at, id: match[1] }
    }
    return undefined
  }

  async handle(exchange: Exchange): Promise<void> {
    if (exchange.header('x-api-key') !== this.#apiKey) throw Refusal.http(401, 'Invalid API key')
    const body = await exchange.json()
    await exchange.answer(() => this.#act(exchange, body))
  }

  /** Refuses what `route` does not know. */
  refuse(path: string): never {
    if (LEFT_OUT.test(path)) throw Refusal.http(501, `${path} is not part of this server`)
    throw Refusal.http(404, `no such path: ${path}`)
  }

  async #act(exchange: Exchange, body: Readonly<Record<string, unknown>>): Promise<Answer> {
    const fleet = this.#fleet
    if (exchange.at === 'create') return await this.#create(exchange, body)
    if (exchange.at === 'list') return this.#list(exchange)
    const sandbox = fleet.get(exchange.record.sandbox ?? '')
    switch (exchange.at) {
      case 'info':
        return { status: 200, body: this.#detail(sandbox) }
      case 'kill':
        await fleet.end(sandbox)
        return { status: 204 }
      case 'timeout':
        sandbox.expireIn(fleet.timeoutOf(body['timeout']))
        return { status: 204 }
      case 'connect':
        return this.#connect(sandbox, fleet.timeoutOf(body['timeout']))
      case 'resume':
        if (sandbox.state === 'running') throw Refusal.http(409, `Sandbox ${sandbox.id} is already running`)
        return this.#connect(sandbox, fleet.timeoutOf(body['timeout']))
      case 'pause':
        if (sandbox.state === 'paused') throw Refusal.http(409, `Sandbox ${sandbox.id} is already paused`)
        await sandbox.pause(body['memory'] !== false)
        return { status: 204 }
      case 'network':
        sandbox.network = networkOf(body)
        return { status: 204 }
      case 'metrics':
        return { status: 200, body: [metricsNow()] }
      default:
        throw Refusal.http(404, `no such path: ${exchange.url.pathname}`)
    }
  }

  async #create(exchange: Exchange, body: Readonly<Record<string, unknown>>): Promise<Answer> {
    if (typeof body['templateID'] !== 'string') throw Refusal.http(400, 'templateID is required')
    // The older generation asks for it; the newer one has nothing else.
    const isSecure = exchange.url.pathname.startsWith('/v2/') || body['secure'] === true
    const sandbox = await this.#fleet.create({
      templateId: body['templateID'],
      timeoutSeconds: this.#fleet.timeoutOf(body['timeout']),
      metadata: stringsOf(body['metadata'], 'metadata'),
      envs: stringsOf(body['envVars'], 'envVars'),
      network: networkOf(body['network']),
      allowInternetAccess: body['allow_internet_access'] === undefined ? undefined : !!body['allow_internet_access'],
      autoPause: body['autoPause'] === true,
      token: isSecure ? randomBytes(32).toString('hex') : undefined,
    })
    exchange.record.sandbox = sandbox.id
    return { status: 201, body: this.#access(sandbox) }
  }

  #list(exchange: Exchange): Answer {
    const isPaged = exchange.url.pathname.startsWith('/v2/')
    const { sandboxes, nextToken } = pageOf(this.#fleet.all(), exchange.url.searchParams, isPaged)
    const headers: Record<string, string> = nextToken === undefined ? {} : { 'x-next-token': nextToken }
    return { status: 200, body: sandboxes.map((sandbox) => this.#summary(sandbox)), headers }
  }

  /** Lengthens the time of a running one, and never shortens it. */
  #connect(sandbox: Sandbox, seconds: number): Answer {
    if (sandbox.state === 'paused') {
      this.#fleet.resume(sandbox, seconds)
      return { status: 201, body: this.#access(sandbox) }
    }
    if (Date.now() + seconds * 1000 > sandbox.timeoutAt.getTime()) sandbox.expireIn(seconds)
    return { status: 200, body: this.#access(sandbox) }
  }

  #access({ id, spec }: Sandbox): object {
    return {
      templateID: spec.templateId,
      sandboxID: id,
      clientID: 'local',
      envdVersion: this.#envdVersion,
      domain: null,
      trafficAccessToken: null,
      ...(spec.token === undefined ? {} : { envdAccessToken: spec.token }),
    }
  }

  #summary({ id, spec, startedAt, timeoutAt, state }: Sandbox): object {
    return {
      templateID: spec.templateId,
      sandboxID: id,
      clientID: 'local',
      startedAt: startedAt.toISOString(),
      endAt: timeoutAt.toISOString(),
      envdVersion: this.#envdVersion,
      cpuCount: CPU_COUNT,
      memoryMB: MEMORY_MB,
      diskSizeMB: DISK_MB,
      metadata: spec.metadata,
      state,
    }
  }

  #detail(sandbox: Sandbox): object {
    const { spec, network } = sandbox
    return {
      ...this.#summary(sandbox),
      ...this.#access(sandbox),
      lifecycle: { onTimeout: spec.autoPause ? 'pause' : 'kill', autoResume: false },
      ...(network === undefined ? {} : { network }),
      ...(spec.allowInternetAccess === undefined ? {} : { allowInternetAccess: spec.allowInternetAccess }),
    }
  }
}

function stringsOf(value: unknown, name: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && Object.values(value).every((entry) => typeof entry === 'string')) {
    return { ...value } as Record<string, string>
  }
  throw Refusal.http(400, `${name} must be an object of strings`)
}

/** One sample in the shape of E2B's; of this machine nothing is measured. */
function metricsNow(): object {
  const timestamp = new Date()
  return {
    timestamp: timestamp.toISOString(),
    timestampUnix: Math.floor(timestamp.getTime() / 1000),
    cpuCount: CPU_COUNT,
    cpuUsedPct: 0,
    memTotal: MEMORY_MB * 1024 * 1024,
    memUsed: 0,
    memCache: 0,
    diskTotal: DISK_MB * 1024 * 1024,
    diskUsed: 0,
  }
}
