import type { PipelineStream } from './pipeline.js'

/** A setting that does not fit another one. */
export interface StreamProblem {
  /** The key as a pipeline file calls it. */
  readonly field: string
  readonly problem: string
}

const STRATEGIES: Readonly<Partial<Record<PipelineStream['mode'], readonly string[]>>> = {
  merge: ['upsert', 'delete-insert', 'insert-only', 'scd2'],
  replace: ['truncate', 'delete', 'swap'],
}

/** The first setting of a stream that contradicts another, with the way out; undefined where all fit. */
export function streamProblem(stream: PipelineStream): StreamProblem | undefined {
  const { mode, strategy, cursor, lag, window, policies } = stream
  if (stream.resume !== undefined) {
    const problem = resumeProblem(stream)
    if (problem !== undefined) return { field: 'resume', problem }
  }
  if (stream.partitionBy !== undefined) {
    const problem = partitionProblem(stream)
    if (problem !== undefined) return { field: 'partition_by', problem }
  }
  const incremental = cursor !== undefined && window === undefined
  if (strategy !== undefined && STRATEGIES[mode]?.includes(strategy) !== true) {
    const choices = STRATEGIES[mode]?.join(', ')
    const rule = choices === undefined ? 'has none; leave it out' : `has ${choices}`
    return { field: 'strategy', problem: `mode ${mode} ${rule}` }
  }
  if (window !== undefined && cursor === undefined) {
    return { field: 'window', problem: 'it is a range of the cursor column; give `cursor` too' }
  }
  if (window !== undefined && window.from === undefined && window.to === undefined) {
    return { field: 'window', problem: 'it needs `from`, `to` or both' }
  }
  if (lag !== undefined && cursor === undefined) {
    return { field: 'lag', problem: 'it goes back on the cursor column; give `cursor` too' }
  }
  if (lag !== undefined && lag > 0 && incremental && mode === 'append') {
    return { field: 'lag', problem: 'append would keep the rows that are read again twice; use mode merge' }
  }
  if (policies['null_cursor'] === 'include' && incremental && mode === 'append') {
    return { field: 'policies.null_cursor', problem: 'append would add these rows with every run; use mode merge' }
  }
  return undefined
}

function resumeProblem({ table, mode, cursor }: PipelineStream): string | undefined {
  if (table === undefined) return 'it divides a table by its key; a query or a GraphQL document cannot be resumed'
  if (cursor !== undefined) return 'a stream with a cursor goes on from its state; leave one of the two out'
  if (mode === 'delete+insert') return 'it needs mode append, replace or merge'
  return undefined
}

/** Why a stream cannot be read in ranges; undefined where it can. */
export function partitionProblem({ table, mode, cursor, resume }: PipelineStream): string | undefined {
  if (table === undefined) return 'it divides a table by a column; a query or a GraphQL document cannot be divided'
  if (cursor !== undefined) return 'a stream with a cursor is read in one piece; leave one of the two out'
  if (resume !== undefined) return 'its finished ranges outlive an interruption too; leave one of the two out'
  if (mode === 'delete+insert') return 'it needs mode append, replace or merge'
  return undefined
}
