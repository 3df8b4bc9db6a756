import type { WriteOutline } from '../../../core/driver.js'
import { historyStatements } from './apply-history.js'
import { hasSoleKey, mergeStatements } from './apply-merge.js'
import { windowStatements } from './apply-window.js'
import { alterTable } from './evolve.js'
import type { LoadPlan } from './load-plan.js'
import { insertHead, loadStatement } from './row-sender.js'
import { slotsOf } from './sending.js'
import {
  createStaging,
  createTable,
  deleteDuplicates,
  dropStaging,
  insertInto,
  selectStaged,
  stagingTable,
} from './staging.js'
import { swapNames, swapStatements } from './swap.js'
import { sameName } from './target.js'

/** The plan for people: what would run, and what a person should know of it. */
export function outlineOf(load: LoadPlan, plan: { readonly identity?: boolean }): WriteOutline {
  return {
    targetExists: load.target !== undefined,
    statements: steps(load, plan.identity === true),
    columnTypes: Object.fromEntries(load.types),
    notes: notes(load),
    ...(load.drift.length === 0 ? {} : { drift: load.drift }),
  }
}

function steps(load: LoadPlan, identity: boolean): readonly string[] {
  const { target } = load
  const created = target === undefined ? [createTable(load, identity)] : []
  if (load.route === 'swap' && target !== undefined) {
    const { before, after } = swapStatements(target)
    const next = swapNames(target).next
    return [...before, ...alterTable(next, load.alters), 'START TRANSACTION', rowsInto(load, next), 'COMMIT', ...after]
  }
  const define = [...created, ...alterTable(load.table, load.alters)]
  if (load.route !== 'staged') {
    const clear = load.mode === 'replace' && target !== undefined ? [`DELETE FROM ${load.table}`] : []
    return [...define, 'START TRANSACTION', ...clear, rowsInto(load, load.table), 'COMMIT']
  }
  return [
    createStaging(load),
    rowsInto(load, stagingTable(load)),
    ...(load.key.length === 0 ? [] : deleteDuplicates(load)),
    ...define,
    'START TRANSACTION',
    ...applied(load),
    'COMMIT',
    dropStaging(load),
  ]
}

function rowsInto(load: LoadPlan, into: string): string {
  const slots = slotsOf(load, () => undefined)
  return load.facts.localInfile ? loadStatement(into, slots, 'rows in memory') : `${insertHead(into, slots)}…`
}

function applied(load: LoadPlan): readonly string[] {
  if (load.mode === 'append') return [`${insertInto(load)} ${selectStaged(load)}`]
  if (load.mode === 'delete+insert') return windowStatements(load)
  return load.strategy === 'scd2' ? historyStatements(load) : mergeStatements(load)
}

const KEEPS = 'grants, views, triggers and foreign keys of the table stay'

function notes(load: LoadPlan): readonly string[] {
  const transport = load.facts.localInfile
    ? []
    : ['the server has local_infile off: rows go by INSERT, at half the speed']
  const alters = load.alters.length === 0 ? [] : ['the ALTER TABLE commits by itself and stays if the write fails']
  return [...modeNotes(load), ...alters, ...transport]
}

function modeNotes(load: LoadPlan): readonly string[] {
  if (load.target === undefined)
    return [
      'the rows appear all at once; the table is there, and empty, from its creation on, and goes again if the write fails',
      ...historyNotes(load),
    ]
  const atomic = 'atomic: all of the write or nothing'
  switch (load.mode) {
    case 'append':
      return ['atomic: all rows or none', 'not idempotent: a second run appends the rows again']
    case 'replace':
      if (load.route === 'swap')
        return [
          'atomic: one RENAME puts another table in the place of the old one',
          'what others write into the old table during the load is lost',
        ]
      return [
        'atomic: the old rows or the new ones',
        KEEPS,
        'readers do not wait, and see the old rows until the commit; writers wait from the DELETE on',
      ]
    case 'delete+insert':
      return [atomic, KEEPS, 'writers of the window wait from the DELETE to the commit; readers do not']
    case 'merge':
      return [atomic, 'idempotent: a second run changes no value', KEEPS, ...keyNotes(load), ...historyNotes(load)]
  }
}

function keyNotes(load: LoadPlan): readonly string[] {
  const indexed = load.target?.indexed.some((columns) => {
    const first = columns.slice(0, load.key.length)
    return first.length === load.key.length && first.every((name) => load.key.some((own) => sameName(own, name)))
  })
  const slow = indexed === true ? [] : ['the target has no index on the key: rows are matched by a slow join']
  const upserts = load.strategy === 'upsert' && !hasSoleKey(load)
  return [
    ...slow,
    ...(upserts ? ['UPDATE and INSERT: ON DUPLICATE KEY UPDATE would go by other unique keys as well'] : []),
  ]
}

function historyNotes(load: LoadPlan): readonly string[] {
  if (load.strategy !== 'scd2') return []
  return [`keys that the stream does not have ${load.policies.absent_keys === 'keep' ? 'stay current' : 'are closed'}`]
}
