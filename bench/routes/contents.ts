import type { BenchCase } from '../cases/bench-case.js'
import type { DataSet } from '../data/data-set.js'
import type { Fingerprint, TargetEnd } from '../ends/end.js'

/** What a partial mask makes of the generated addresses, as SQL: all have three letters or more in front of the `@`. */
const PARTIAL_EMAIL = (column: string): string => `left(${column}, 1) || '***' || substring(${column} from '@.*$')`

/** Fingerprints of one stage: of the target, and of the tables that it has to equal, each of those computed once. */
export class Contents {
  readonly #target: TargetEnd
  readonly #dataSet: DataSet
  readonly #known = new Map<string, Fingerprint>()

  constructor(target: TargetEnd, dataSet: DataSet) {
    this.#target = target
    this.#dataSet = dataSet
  }

  /** The target table, of which `reference` is what it has to equal. */
  found(benchCase: BenchCase, reference: string): Promise<Fingerprint> {
    return this.#fingerprint(this.#dataSet.name, benchCase, reference, false)
  }

  /** A reference table, as it is after the mask of the case. */
  async expected(benchCase: BenchCase, reference: string): Promise<Fingerprint> {
    const key = `${reference} ${benchCase.mask}`
    const known = this.#known.get(key) ?? (await this.#fingerprint(reference, benchCase, reference, true))
    this.#known.set(key, known)
    return known
  }

  #fingerprint(table: string, { mask }: BenchCase, original: string, masks: boolean): Promise<Fingerprint> {
    const { columns, maskedColumn } = this.#dataSet
    if (mask === undefined || maskedColumn === undefined) return this.#target.fingerprint(table, columns)
    if (mask === 'tokenize') {
      const others = columns.filter(({ name }) => name !== maskedColumn)
      return this.#target.fingerprint(table, others, { column: maskedColumn, original })
    }
    const cells = columns.map(({ name }) =>
      masks && name === maskedColumn ? { name, expression: PARTIAL_EMAIL(name) } : { name },
    )
    return this.#target.fingerprint(table, cells)
  }
}
