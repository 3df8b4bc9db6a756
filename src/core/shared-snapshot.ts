/** How several sessions come to one snapshot. `kept`: others can enter it as long as it is held, which disturbs nobody.
 * `locked`: nobody can write to the table while it is held, so that sessions enter together and it is left at once. A ping
 * of the session that holds it may be asked for meanwhile, and says that it still does. */
export type SnapshotKind = 'kept' | 'locked'

/** A state of one table that other sessions can enter; `id` says which, and of which server. */
export interface SharedSnapshot {
  readonly id: string
  readonly table: string
}

/** It can be entered until it is disposed. */
export interface HeldSnapshot extends SharedSnapshot, AsyncDisposable {}
