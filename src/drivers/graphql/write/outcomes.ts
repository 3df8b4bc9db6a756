import { AirlockError, type ErrorCode } from '../../../errors/index.js'

export type RowOutcome = 'written' | 'rejected' | 'unknown' | 'unsent'

/** How many numbers of rejected rows an error names. */
const NAMED = 10

/** What became of each row of a write. */
export class Outcomes {
  readonly #counts = { written: 0, rejected: 0, unknown: 0, unsent: 0 }
  readonly #rejected: number[] = []
  #origin: string | undefined

  get written(): number {
    return this.#counts.written
  }

  get rejected(): number {
    return this.#counts.rejected
  }

  /** Whether the target may have anything of the write. */
  get touched(): boolean {
    return this.#counts.written + this.#counts.unknown > 0
  }

  get complete(): boolean {
    return this.#counts.rejected + this.#counts.unknown + this.#counts.unsent === 0
  }

  /** `origin` is the code of the first failure, for the error. */
  add(outcome: RowOutcome, rows: readonly number[], origin?: string): void {
    this.#counts[outcome] += rows.length
    if (outcome === 'rejected') this.#rejected.push(...rows.slice(0, NAMED - this.#rejected.length))
    if (outcome !== 'written') this.#origin ??= origin
  }

  /** The error that says what became of the rows. `stopped` is why the rest was not sent. */
  error(stopped: ErrorCode | undefined): AirlockError {
    const { written, rejected, unknown, unsent } = this.#counts
    if (written + rejected === 0 && unknown > 0) return new AirlockError('OUTCOME_UNKNOWN', { phase: 'write' })
    const named =
      this.#rejected.length === 0 ? '' : ` (rows ${this.#rejected.join(', ')}${rejected > NAMED ? ', …' : ''})`
    const parts = [
      `${written} written`,
      `${rejected} rejected${named}`,
      ...(unknown > 0 ? [`${unknown} of unknown outcome`] : []),
      ...(unsent > 0 ? [`${unsent} not taken`] : []),
      ...(stopped === undefined ? [] : [`stopped by ${stopped}, the rest was not sent`]),
    ]
    const origin = this.#origin ?? stopped
    return new AirlockError('ROWS_REJECTED', {
      phase: 'write',
      params: { problem: parts.join(', ') },
      ...(origin === undefined ? {} : { origin }),
    })
  }
}
