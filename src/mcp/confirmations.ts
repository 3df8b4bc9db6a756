import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BoundedHistory } from '../cache/index.js'
import { AirlockError } from '../errors/index.js'

/** What somebody has looked at and may now have done. */
export interface PlannedRun {
  readonly pipeline: string
  /** All streams where left out. */
  readonly streams: readonly string[] | undefined
  /** Of the pipeline as it was planned. */
  readonly digest: string
  /** Who asked, where the transport knows. */
  readonly client: string | undefined
}

interface Issued extends PlannedRun {
  readonly tokenHash: Buffer
  readonly until: number
  used: boolean
}

const VALID_MS = 600_000
const MOST = 1000

/** Confirmations of plans: random, good for one run of exactly what was planned, by whoever planned it, within ten
 * minutes and in this process. Only their hashes are kept. */
export class Confirmations {
  readonly #issued: BoundedHistory<Issued>
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#issued = new BoundedHistory(MOST)
    this.#now = now
  }

  /** A confirmation of a plan. */
  issue(run: PlannedRun): string {
    const token = randomBytes(24).toString('base64url')
    this.#issued.push({ ...run, tokenHash: hashOf(token), until: this.#now() + VALID_MS, used: false })
    return token
  }

  /** Takes a confirmation, once, and gives the digest that was planned. Throws CONFIRMATION_INVALID for any that is not of
   * this run. */
  redeem(token: string, run: Omit<PlannedRun, 'digest'>): string {
    const hash = hashOf(token)
    const found = this.#issued.items().find((one) => timingSafeEqual(one.tokenHash, hash))
    const fits =
      found !== undefined &&
      !found.used &&
      this.#now() <= found.until &&
      found.pipeline === run.pipeline &&
      found.client === run.client &&
      JSON.stringify(found.streams) === JSON.stringify(run.streams)
    if (!fits) throw new AirlockError('CONFIRMATION_INVALID', { phase: 'plan' })
    found.used = true
    return found.digest
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
