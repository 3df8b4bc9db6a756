import type { Socket } from 'node:net'
import { AirlockError, type Phase } from '../errors/index.js'
import type { Batch, Column } from './batch.js'
import { atMost } from './bounded.js'
import type {
  Capabilities,
  Extraction,
  ExtractRequest,
  Privileges,
  Session,
  SourceDescription,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from './driver.js'
import { abortError, type ErrorBoundary } from './errors-at-boundary.js'
import { type MaskChoices, type MaskKey, maskExtraction } from './mask-batches.js'
import type { SessionPorts } from './ports.js'

/** How long an operation may take to end after its abort, before its connection is taken from it. */
const ABORT_MS = 1000

/** How long a polite goodbye to the server may take before the socket is destroyed. */
const CLOSE_MS = 1500

/** What an open session is called from outside: the driver's session, with masks, error translation, one operation at a
 * time, and a close that is bounded and leaves no socket. Owned by whoever opened it; `await using` closes it. */
export class ManagedSession implements AsyncDisposable {
  readonly family: string
  readonly capabilities: Capabilities
  /** The policies of this driver: name → words, the default first. */
  readonly policies: Readonly<Record<string, readonly string[]>>
  #session: Session
  #socket: Socket | undefined
  #boundary: ErrorBoundary
  #ports: SessionPorts
  #maskKey: MaskKey | undefined
  #busy = false
  #closing: Promise<void> | undefined

  constructor(options: {
    readonly family: string
    readonly capabilities: Capabilities
    readonly policies: Readonly<Record<string, readonly string[]>>
    readonly session: Session
    readonly socket: Socket | undefined
    readonly boundary: ErrorBoundary
    readonly ports: SessionPorts
    readonly maskKey: MaskKey | undefined
  }) {
    this.family = options.family
    this.capabilities = options.capabilities
    this.policies = options.policies
    this.#session = options.session
    this.#socket = options.socket
    this.#boundary = options.boundary
    this.#ports = options.ports
    this.#maskKey = options.maskKey
  }

  /** What an extraction would read: columns, statement, estimate. */
  describe(request: ExtractRequest, signal?: AbortSignal): Promise<SourceDescription> {
    return this.#exclusive('plan', signal, (s) =>
      need(this.#session.describe, 'describe').call(this.#session, request, s),
    )
  }

  /** One pass over the source as batches of canonical cells, the masked columns already masked. */
  extract(request: ExtractRequest & { readonly mask?: MaskChoices }, signal: AbortSignal = never()): Extraction {
    const { mask, ...plain } = request
    const extraction = this.#guarded(plain, signal)
    if (mask === undefined) return extraction
    return maskExtraction(extraction, mask, { key: this.#maskKey, table: request.table })
  }

  /** What a write would do, without doing it. */
  outline(plan: WritePlan, columns: readonly Column[], signal?: AbortSignal): Promise<WriteOutline> {
    return this.#exclusive('plan', signal, (s) =>
      need(this.#session.outline, 'write').call(this.#session, plan, columns, s),
    )
  }

  /** Writes every batch in one transaction. Resolves after the server's confirmation; on any failure nothing remains. */
  write(plan: WritePlan, batches: AsyncIterable<Batch>, signal?: AbortSignal): Promise<WriteReceipt> {
    if (!this.capabilities.modes.includes(plan.mode)) {
      const problem = `${this.family} has no mode ${plan.mode}`
      return Promise.reject(new AirlockError('UNSUPPORTED', { phase: 'write', params: { problem } }))
    }
    return this.#exclusive('write', signal, (s) =>
      need(this.#session.write, 'write').call(this.#session, plan, batches, s),
    )
  }

  /** One round trip that proves that the session works. */
  ping(signal?: AbortSignal): Promise<void> {
    return this.#exclusive('query', signal, (s) => this.#session.ping(s))
  }

  /** What the user of this session may do; undefined where the driver cannot tell. */
  privileges(signal?: AbortSignal): Promise<Privileges | undefined> {
    return this.#exclusive('query', signal, async (s) => await this.#session.privileges?.(s))
  }

  /** Makes the session as it was when it was opened; what a pool does between two borrowers. */
  reset(signal?: AbortSignal): Promise<void> {
    return this.#exclusive('close', signal, () => need(this.#session.reset, 'reset').call(this.#session))
  }

  /** Idempotent; resolves within two seconds whatever the peer does, with the socket destroyed. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    try {
      await atMost(CLOSE_MS, this.#session.close())
    } finally {
      this.#socket?.destroy()
      this.#ports.telemetry?.add({ connections_closed: 1 })
    }
  }

  /** Runs one operation: refuses a closed or busy session and translates every error. */
  async #exclusive<T>(
    phase: Phase,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const given = signal ?? never()
    const leave = this.#enter(phase, given)
    try {
      return await work(given)
    } catch (error) {
      throw this.#boundary.translate(error, phase, given)
    } finally {
      leave()
    }
  }

  #guarded(request: ExtractRequest, signal: AbortSignal): Extraction {
    const session = this.#session
    let inner: Extraction | undefined
    const run = async function* (this: ManagedSession): AsyncGenerator<Batch, void, undefined> {
      const leave = this.#enter('extract', signal)
      try {
        inner = need(session.extract, 'extract').call(session, request, signal)
        yield* inner
      } catch (error) {
        throw this.#boundary.translate(error, 'extract', signal)
      } finally {
        leave()
      }
    }
    return {
      get rowsRead() {
        return inner?.rowsRead ?? 0
      },
      get policyCounts() {
        return inner?.policyCounts ?? {}
      },
      [Symbol.asyncIterator]: () => run.call(this),
    }
  }

  /** Begins an operation; what it returns ends it. A peer that lets an abort wait loses the connection, so that whatever
   * the operation waits for ends in bounded time. */
  #enter(phase: Phase, signal: AbortSignal): () => void {
    if (this.#closing !== undefined) throw new AirlockError('SESSION_CLOSED', { phase })
    if (this.#busy) throw new AirlockError('SESSION_BUSY', { phase })
    if (signal.aborted) throw abortError(signal, phase)
    this.#busy = true
    let timer: NodeJS.Timeout | undefined
    const abort = () => {
      timer = setTimeout(() => this.#socket?.destroy(), ABORT_MS)
    }
    signal.addEventListener('abort', abort, { once: true })
    return () => {
      this.#busy = false
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }
}

function need<T>(method: T | undefined, problem: string): T {
  if (method === undefined) throw new AirlockError('UNSUPPORTED', { params: { problem } })
  return method
}

function never(): AbortSignal {
  return new AbortController().signal
}
