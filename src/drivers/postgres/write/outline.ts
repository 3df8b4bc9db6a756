import type { WriteOutline } from '../../../core/driver.js'
import { historyStatements } from './apply-history.js'
import { hasArbiter, mergeStatements } from './apply-merge.js'
import { appendStatement, replaceStatements } from './apply-replace.js'
import { windowStatements } from './apply-window.js'
import { alterTable } from './evolve.js'
import { identityColumn } from './identity.js'
import type { LoadPlan } from './load-plan.js'
import { addPrimaryKey, copyStatement, createStaging, createTable, deleteDuplicates } from './staging.js'
import { createNewcomer, newcomer, swapStatements } from './swap.js'

/** The plan for people: what would run, and what a person should know of it. */
export function outlineOf(load: LoadPlan, plan: { readonly identity?: boolean; readonly table: string }): WriteOutline {
  const { target } = load
  const identity = plan.identity === true ? identityColumn(load) : undefined
  const created = target === undefined ? [createTable(load, identity)] : []
  const key = target === undefined ? addPrimaryKey(load) : undefined
  return {
    targetExists: target !== undefined,
    statements: ['BEGIN', ...created, ...steps(load, plan.table), ...(key === undefined ? [] : [key]), 'COMMIT'],
    columnTypes: Object.fromEntries(load.types),
    notes: [...notes(load), ...deleteNotes(load)],
    ...(load.drift.length === 0 ? {} : { drift: load.drift }),
  }
}

function steps(load: LoadPlan, table: string): readonly string[] {
  const { target } = load
  if (load.route === 'swap' && target !== undefined) {
    return [
      createNewcomer(target),
      ...alterTable(newcomer(target), load.alters),
      copyStatement(load, newcomer(target)),
      ...swapStatements(target, table),
    ]
  }
  if (load.route !== 'staged') return [copyStatement(load)]
  return [
    createStaging(load),
    copyStatement(load),
    ...(load.key.length === 0 ? [] : [deleteDuplicates(load)]),
    ...(target === undefined || load.mode === 'append' ? [] : [`LOCK TABLE ${load.table} IN SHARE ROW EXCLUSIVE MODE`]),
    ...alterTable(load.table, load.alters),
    ...applied(load),
  ]
}

function applied(load: LoadPlan): readonly string[] {
  if (load.mode === 'append') return [appendStatement(load)]
  if (load.mode === 'replace') return replaceStatements(load)
  if (load.mode === 'delete+insert') return windowStatements(load)
  return load.strategy === 'scd2' ? historyStatements(load) : mergeStatements(load)
}

const KEEPS = 'grants, views, triggers and foreign keys of the table stay'
const WRITERS_WAIT = 'other writers wait from the end of the load to the commit; readers do not, and see the old rows'

function notes(load: LoadPlan): readonly string[] {
  if (load.target === undefined) return ['atomic: the table appears complete or not at all', ...historyNotes(load)]
  const atomic = 'atomic: all of the write or nothing'
  const alters = load.alters.length === 0 ? [] : ['readers wait from the ALTER TABLE to the commit (ACCESS EXCLUSIVE)']
  switch (load.mode) {
    case 'append':
      return ['atomic: all rows or none', 'not idempotent: a second run appends the rows again', ...alters]
    case 'replace':
      return ['atomic: the old rows or the new ones', ...replaceNotes(load), ...alters]
    case 'delete+insert':
      return [atomic, KEEPS, WRITERS_WAIT, ...alters]
    case 'merge': {
      const scans = load.strategy !== 'scd2' && load.strategy !== 'delete-insert' && !hasArbiter(load)
      const scan = scans
        ? ['the target has no unique index on the key: rows are matched by a join, under the lock']
        : []
      return [
        atomic,
        'idempotent: a second run changes no value',
        KEEPS,
        WRITERS_WAIT,
        ...scan,
        ...historyNotes(load),
        ...alters,
      ]
    }
  }
}

function replaceNotes(load: LoadPlan): readonly string[] {
  if (load.route === 'direct') return [KEEPS, 'the table is empty and is loaded directly; writers wait until the end']
  if (load.route === 'swap')
    return [
      'another table takes the name: columns, defaults, checks, indexes, identity and comments are those of the old one',
      'readers wait for the renaming (ACCESS EXCLUSIVE); writers wait from the beginning',
      'a transaction that has read the old table goes on with it until its end',
    ]
  if (load.strategy === 'delete')
    return [
      KEEPS,
      'readers do not wait, and see the old rows until the commit; writers wait from the beginning',
      'the old rows stay on disk until VACUUM',
    ]
  return [
    KEEPS,
    'readers wait for the swap (ACCESS EXCLUSIVE)',
    'a transaction with an older snapshot sees an empty table after the swap',
  ]
}

function historyNotes(load: LoadPlan): readonly string[] {
  if (load.strategy !== 'scd2') return []
  const absent = load.policies.absent_keys === 'keep' ? 'stay current' : 'are closed'
  return [`keys that the stream does not have ${absent}`]
}

function deleteNotes(load: LoadPlan): readonly string[] {
  const deletes = load.mode === 'delete+insert' || load.strategy === 'delete' || load.strategy === 'delete-insert'
  return deletes && load.target?.referenced === true
    ? ['other tables have foreign keys to this one: rows that they refer to cannot be deleted']
    : []
}
