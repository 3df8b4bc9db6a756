import { randomBytes } from 'node:crypto'
import { processesOf } from './process-table.js'
import { Refusal } from './refusal.js'
import { Sandbox, type SandboxPlace, type SandboxSpec } from './sandbox.js'
import { isSignedBy, type SignedLink } from './signed-link.js'

/** What the plan of an account allows. */
export interface E2BLimits {
  /** Running sandboxes; default: no limit. One more is answered with 429. */
  readonly concurrent?: number
  /** Creations within any second; default: no limit. One more is answered with 429 and `Retry-After: 1`. */
  readonly createPerSecond?: number
  /** The longest time that may be asked for; default 86 400. More is answered with 400. */
  readonly maxTimeoutSeconds?: number
}

const DEFAULT_MAX_TIMEOUT = 86_400
const DEFAULT_TIMEOUT = 300

/** All sandboxes of a server. */
export class Fleet {
  readonly #limits: E2BLimits
  readonly #place: SandboxPlace
  readonly #sandboxes = new Map<string, Sandbox>()
  /** Ended ones; their files and processes may be about to go. */
  readonly #gone: Sandbox[] = []
  #creations: readonly number[] = []
  #sequence = 0

  constructor(limits: E2BLimits, place: SandboxPlace) {
    this.#limits = limits
    this.#place = place
  }

  /** Running and paused ones, in the order of their creation. */
  all(): readonly Sandbox[] {
    return [...this.#sandboxes.values()]
  }

  find(id: string): Sandbox | undefined {
    return this.#sandboxes.get(id)
  }

  /** The sandbox, running or paused; refuses with 404. */
  get(id: string): Sandbox {
    const sandbox = this.find(id)
    if (sandbox === undefined) throw Refusal.http(404, `sandbox ${id} not found`)
    return sandbox
  }

  /** Whose token signs a link; also a sandbox that has ended. */
  findBySignature(link: SignedLink): Sandbox | undefined {
    return [...this.all(), ...this.#gone].find(({ spec }) => spec.token !== undefined && isSignedBy(spec.token, link))
  }

  /** Every process that is left of any sandbox, ended ones too. */
  pids(): number[] {
    const sandboxes = [...this.all(), ...this.#gone]
    const sessions = sandboxes.flatMap((sandbox) => [...sandbox.sessions])
    return processesOf(new Set(sandboxes.map(({ id }) => id)), new Set(sessions))
  }

  /** Whole seconds of a request, checked against the plan; refuses with 400. */
  timeoutOf(value: unknown, otherwise = DEFAULT_TIMEOUT): number {
    if (value === undefined || value === null) return otherwise
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
      throw Refusal.http(400, 'timeout must be a whole number of seconds')
    }
    const most = this.#limits.maxTimeoutSeconds ?? DEFAULT_MAX_TIMEOUT
    if (value > most) throw Refusal.http(400, `Timeout cannot be greater than ${most / 3600} hours`)
    return value
  }

  /** Refuses with 429 what the plan does not allow. The place is taken before anything is waited for. */
  async create(spec: SandboxSpec): Promise<Sandbox> {
    this.#checkRate()
    this.#checkRoom()
    const id = newId()
    const sandbox = new Sandbox(id, ++this.#sequence, spec, this.#place, () => void this.expire(sandbox))
    this.#sandboxes.set(id, sandbox)
    try {
      await sandbox.open()
    } catch (error) {
      await this.end(sandbox)
      throw error
    }
    return sandbox
  }

  /** Resumes a paused one, for which there must be room. */
  resume(sandbox: Sandbox, seconds: number): void {
    this.#checkRoom()
    sandbox.resume(seconds)
  }

  /** What happens at the end of a sandbox's time; to a paused one nothing does. */
  async expire(sandbox: Sandbox): Promise<void> {
    if (sandbox.state === 'paused') return
    await (sandbox.spec.autoPause ? sandbox.pause(true) : this.end(sandbox))
  }

  /** From now on nobody finds it; settled when its processes and files are gone. */
  end(sandbox: Sandbox): Promise<void> {
    if (this.#sandboxes.delete(sandbox.id)) this.#gone.push(sandbox)
    return sandbox.end()
  }

  #checkRoom(): void {
    const most = this.#limits.concurrent ?? Number.POSITIVE_INFINITY
    const running = this.all().filter(({ state }) => state === 'running').length
    if (running < most) return
    throw Refusal.http(429, `you have reached the maximum number of concurrent E2B sandboxes (${most})`)
  }

  #checkRate(): void {
    const now = performance.now()
    const recent = this.#creations.filter((at) => now - at < 1000)
    if (recent.length >= (this.#limits.createPerSecond ?? Number.POSITIVE_INFINITY)) {
      throw Refusal.http(429, 'rate limit of sandbox creation exceeded', { 'retry-after': '1' })
    }
    this.#creations = [...recent, now]
  }
}

/** In the form of E2B's: `i` and 19 of a-z and 0-9. */
function newId(): string {
  return `i${[...randomBytes(19)].map((byte) => (byte % 36).toString(36)).join('')}`
}
