import type { Capabilities, WriteMode, WritePlan, WriteStrategy } from '../../core/driver.js'

/** A mode with one of its strategies, as a suite asks for it. */
export interface PlannedWrite {
  /** For titles, e.g. `merge upsert`. */
  readonly title: string
  readonly mode: WriteMode
  readonly strategy: WriteStrategy | undefined
  readonly plan: WritePlan
  /** What becomes of old rows with other keys: they stay, or the new ones are in their place. */
  readonly keeps: boolean
  /** A second write of the same rows leaves the same rows. */
  readonly idempotent: boolean
}

/** Everything that a driver says it can write, with a plan for each; `window` of a `delete+insert` holds every id. */
export function plannedWrites({ modes, strategies }: Capabilities, table: string): readonly PlannedWrite[] {
  return modes.flatMap((mode) =>
    (strategies?.[mode] ?? [undefined]).map((strategy): PlannedWrite => {
      const window = mode === 'delete+insert' ? { window: { column: 'id', from: '-1000' } } : {}
      return {
        title: strategy === undefined ? mode : `${mode} ${strategy}`,
        mode,
        strategy,
        plan: { table, mode, ...(strategy === undefined ? {} : { strategy }), ...window },
        keeps: mode === 'append' || mode === 'merge',
        idempotent: mode !== 'append',
      }
    }),
  )
}
