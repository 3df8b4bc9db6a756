import type { Socket } from 'node:net'
import { AirlockError, type Phase } from '../errors/index.js'
import type { Batch, Column } from './batch.js'
import { atMost } from './bounded.js'
import type {
  Capabilities,
  Catalog,
  DiscoverRequest,
  Extraction,
  ExtractRequest,
  Privileges,
  QueryLimits,
  QueryResult,
  SavedState,
  Session,
  SourceDescription,
  StateKey,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from './driver.js'
import { abortError, type ErrorBoundary } from './errors-at-boundary.js'
import type { KeySplitRequest } from './key-split.js'
import { type MaskChoices, type MaskKey, maskExtraction } from './mask-batches.js'
import { Operation } from './operation.js'
import type { SessionPorts } from './ports.js'
import type { HeldSnapshot, SharedSnapshot, SnapshotKind } from './shared-snapshot.js'
import type { ClaimOutcome, WriteFence } from './write-fence.js'

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
  #silenceMs: number | undefined
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
    /** How long the peer may be silent while something is expected of it; undefined for as long as it likes. */
    readonly silenceMs?: number | undefined
  }) {
    this.family = options.family
    this.capabilities = options.capabilities
    this.policies = options.policies
    this.#session = options.session
    this.#socket = options.socket
    this.#boundary = options.boundary
    this.#ports = options.ports
    this.#maskKey = options.maskKey
    this.#silenceMs = options.silenceMs
  }

  /** What an extraction would read: columns, statement, estimate. */
  describe(request: ExtractRequest, signal?: AbortSignal): Promise<SourceDescription> {
    return this.#exclusive('plan', signal, (s) =>
      need(this.#session.describe, 'describe').call(this.#session, request, s),
    )
  }

  /** One pass over the source as batches of canonical cells, the masked columns already masked. */
  extract(request: ExtractRequest & { readonly mask?: MaskChoices }, signal?: AbortSignal): Extraction {
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
    return this.#exclusive('write', signal, (s, operation) =>
      need(this.#session.write, 'write').call(this.#session, plan, awaited(batches, operation), s),
    )
  }

  /** One round trip that proves that the session works. */
  ping(signal?: AbortSignal): Promise<void> {
    return this.#exclusive('query', signal, (s) => this.#session.ping(s))
  }

  /** Tables, keys and estimates from the server's catalogue. */
  discover(request: DiscoverRequest, signal?: AbortSignal): Promise<Catalog> {
    return this.#exclusive('query', signal, (s) =>
      need(this.#session.discover, 'discover').call(this.#session, request, s),
    )
  }

  /** One statement that reads, capped. The SQL never enters an error. */
  query(sql: string, limits: QueryLimits, signal?: AbortSignal): Promise<QueryResult> {
    return this.#exclusive('query', signal, (s) =>
      need(this.#session.query, 'query').call(this.#session, sql, limits, s),
    )
  }

  /** Whether this target can keep state in the transaction of the data. */
  get keepsState(): boolean {
    return this.#session.readState !== undefined
  }

  /** State that writes have saved at this target, of one pipeline or of all. */
  readState(pipeline: string | undefined, signal?: AbortSignal): Promise<readonly SavedState[]> {
    return this.#exclusive('query', signal, (s) =>
      need(this.#session.readState, 'state').call(this.#session, pipeline, s),
    )
  }

  /** Forgets the state of one stream, so that its next run reads everything. */
  resetState(key: StateKey, signal?: AbortSignal): Promise<void> {
    return this.#exclusive('write', signal, (s) => need(this.#session.resetState, 'state').call(this.#session, key, s))
  }

  /** Whether a write of this target can be fenced. */
  get keepsFences(): boolean {
    return this.#session.claimWrite !== undefined
  }

  /** Claims the right to commit the write that carries this fence; tells of an earlier attempt that did commit. Throws
   * FENCED where a later one has claimed. */
  claimWrite(fence: WriteFence, signal?: AbortSignal): Promise<ClaimOutcome> {
    return this.#exclusive('write', signal, (s) =>
      need(this.#session.claimWrite, 'fences').call(this.#session, fence, s),
    )
  }

  /** Whether a source can say by which values a table is divided. */
  get splitsKeys(): boolean {
    return this.#session.splitKey !== undefined
  }

  /** What stands for where the rows of a table lie; undefined where nothing does. */
  get blockColumn(): string | undefined {
    return this.#session.blockColumn
  }

  /** Values between which the ranges of a table lie, ascending as the source compares them. */
  splitKey(request: KeySplitRequest, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#exclusive('plan', signal, (s) =>
      need(this.#session.splitKey, 'key ranges').call(this.#session, request, s),
    )
  }

  /** How other sessions can read in a snapshot of this one, if they can. */
  get snapshots(): SnapshotKind | undefined {
    return this.#session.snapshots
  }

  /** Holds a snapshot of a table for other sessions until it is disposed, which never fails: a session that cannot leave it
   * is closed. Gives the reason where there is none. */
  async holdSnapshot(table: string, signal?: AbortSignal): Promise<HeldSnapshot | string> {
    const held = await this.#exclusive('extract', signal, (s) =>
      need(this.#session.holdSnapshot, 'snapshots').call(this.#session, table, s),
    )
    if (typeof held === 'string') return held
    const leave = () => this.#exclusive('close', undefined, () => Promise.resolve(held[Symbol.asyncDispose]()))
    return {
      id: held.id,
      table,
      [Symbol.asyncDispose]: async () => {
        const left = leave().then(() => true)
        if ((await atMost(CLOSE_MS, left)) !== true) await this.close()
      },
    }
  }

  /** Lets what is extracted from now on, until a reset, be of a snapshot that another session holds. False where this one
   * is of another server, or where the snapshot is gone. */
  enterSnapshot(shared: SharedSnapshot, signal?: AbortSignal): Promise<boolean> {
    return this.#exclusive('extract', signal, (s) =>
      need(this.#session.enterSnapshot, 'snapshots').call(this.#session, shared, s),
    )
  }

  /** Whether finished ranges of a load can wait at this target, with a ledger of them. */
  get keepsParts(): boolean {
    return this.keepsState && this.#session.dropStaging !== undefined
  }

  /** The schema in which they wait; undefined for the one of the connection. */
  get stagingSchema(): string | undefined {
    return this.#session.stagingSchema
  }

  /** Drops a table in which ranges wait, if it is there; any other table is refused. */
  dropStaging(table: string, signal?: AbortSignal): Promise<void> {
    return this.#exclusive('write', signal, (s) =>
      need(this.#session.dropStaging, 'staging').call(this.#session, table, s),
    )
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
    work: (signal: AbortSignal, operation: Operation) => Promise<T>,
  ): Promise<T> {
    const operation = this.#enter(phase, signal)
    try {
      return await work(operation.signal, operation)
    } catch (error) {
      throw this.#boundary.translate(error, phase, operation.signal)
    } finally {
      this.#leave(operation)
    }
  }

  #guarded(request: ExtractRequest, signal: AbortSignal | undefined): Extraction {
    const session = this.#session
    let inner: Extraction | undefined
    const run = async function* (this: ManagedSession): AsyncGenerator<Batch, void, undefined> {
      const operation = this.#enter('extract', signal)
      try {
        inner = need(session.extract, 'extract').call(session, request, operation.signal)
        for await (const batch of inner) {
          operation.expectOthers()
          yield batch
          operation.expectPeer()
        }
      } catch (error) {
        throw this.#boundary.translate(error, 'extract', operation.signal)
      } finally {
        this.#leave(operation)
      }
    }
    return {
      get rowsRead() {
        return inner?.rowsRead ?? 0
      },
      get policyCounts() {
        return inner?.policyCounts ?? {}
      },
      get cursor() {
        return inner?.cursor
      },
      [Symbol.asyncIterator]: () => run.call(this),
    }
  }

  #enter(phase: Phase, signal: AbortSignal | undefined): Operation {
    if (this.#closing !== undefined) throw new AirlockError('SESSION_CLOSED', { phase })
    if (this.#busy) throw new AirlockError('SESSION_BUSY', { phase })
    if (signal?.aborted) throw abortError(signal, phase)
    this.#busy = true
    return new Operation(phase, signal, { socket: this.#socket, silenceMs: this.#silenceMs })
  }

  #leave(operation: Operation): void {
    this.#busy = false
    operation.end()
  }
}

/** The batches of a write: while the source works, nothing is expected of the target. */
function awaited(batches: AsyncIterable<Batch>, operation: Operation): AsyncIterable<Batch> {
  return {
    [Symbol.asyncIterator]() {
      const source = batches[Symbol.asyncIterator]()
      return {
        async next() {
          operation.expectOthers()
          try {
            return await source.next()
          } finally {
            operation.expectPeer()
          }
        },
        return: async (value) => (await source.return?.(value)) ?? { done: true, value: undefined },
      }
    },
  }
}

function need<T>(method: T | undefined, problem: string): T {
  if (method === undefined) throw new AirlockError('UNSUPPORTED', { params: { problem } })
  return method
}
