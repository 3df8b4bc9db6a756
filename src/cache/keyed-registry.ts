import { AirlockError } from '../errors/index.js'
import { TIMED_OUT, withinDeadline } from '../sinks/deadline.js'

/** What a registry holds: anything that its owner closes. */
export interface Closable {
  close(): Promise<void> | void
}

/** What closing a registry came to. */
export interface RegistryClosed {
  readonly closed: number
  /** Keys whose close rejected or did not end by the deadline. */
  readonly leftOver: readonly string[]
}

interface Slot<T, O> {
  readonly options: O
  readonly made: Promise<T>
}

/** One object per key for as long as the registry lives: made by the first who asks, shared by all others, closed in
 * reverse order. A construction that fails is forgotten, so that the next caller tries again. */
export class KeyedRegistry<T extends Closable, O = undefined> implements AsyncDisposable {
  readonly #make: (key: string, options: O) => Promise<T> | T
  readonly #sameOptions: (a: O, b: O) => boolean
  readonly #closeMs: number
  readonly #slots = new Map<string, Slot<T, O>>()
  #closing: Promise<RegistryClosed> | undefined

  /** `sameOptions` compares two callers' options (by identity); `closeMs` is what closing everything may take (5 s). */
  constructor(
    make: (key: string, options: O) => Promise<T> | T,
    settings: { readonly sameOptions?: (a: O, b: O) => boolean; readonly closeMs?: number } = {},
  ) {
    this.#make = make
    this.#sameOptions = settings.sameOptions ?? Object.is
    this.#closeMs = settings.closeMs ?? 5000
  }

  get size(): number {
    return this.#slots.size
  }

  /** The object of a key. Rejects with REGISTRY_CONFLICT where it exists with other options, RESOURCE_CLOSED after
   * `close`, or with what its construction rejected with. */
  async get(key: string, options: O): Promise<T> {
    if (this.#closing !== undefined) throw closed()
    const existing = this.#slots.get(key)
    if (existing !== undefined) {
      if (this.#sameOptions(existing.options, options)) return await existing.made
      throw new AirlockError('REGISTRY_CONFLICT', { phase: 'cache', params: { at: key } })
    }
    const slot: Slot<T, O> = { options, made: this.#construct(key, options) }
    // Before the first await: a second caller of this turn must find it.
    this.#slots.set(key, slot)
    try {
      return await slot.made
    } catch (error) {
      if (this.#slots.get(key) === slot) this.#slots.delete(key)
      throw error
    }
  }

  /** Closes everything, the latest first, within the deadline. Idempotent: later calls get the same answer. */
  close(): Promise<RegistryClosed> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #construct(key: string, options: O): Promise<T> {
    return await this.#make(key, options)
  }

  async #closeAll(): Promise<RegistryClosed> {
    const deadline = performance.now() + this.#closeMs
    const leftOver: string[] = []
    let count = 0
    for (const [key, slot] of [...this.#slots].reverse()) {
      const remaining = Math.max(0, deadline - performance.now())
      const outcome = await withinDeadline(closeOne(slot.made), remaining)
      if (outcome === 'closed') count++
      // One whose construction failed was never there.
      else if (outcome === 'failed' || outcome === TIMED_OUT) leftOver.push(key)
    }
    this.#slots.clear()
    return Object.freeze({ closed: count, leftOver: Object.freeze(leftOver) })
  }
}

async function closeOne(made: Promise<Closable>): Promise<'closed' | 'failed' | 'never made'> {
  const [object] = await Promise.allSettled([made])
  if (object.status === 'rejected') return 'never made'
  const [outcome] = await Promise.allSettled([closing(object.value)])
  return outcome.status === 'fulfilled' ? 'closed' : 'failed'
}

/** So that a close that throws at once counts like one that rejects. */
async function closing(object: Closable): Promise<void> {
  await object.close()
}

function closed(): AirlockError {
  return new AirlockError('RESOURCE_CLOSED', { phase: 'cache', params: { at: 'registry' } })
}
