import type { CaseRun } from '../measure/rounds.js'

/** Middle, least and greatest of some figures. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** Undefined for no figures. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const [min] = sorted
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return undefined
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1] ?? min
  const high = sorted[Math.floor(middle)] ?? max
  return { median: (low + high) / 2, min, max, count: sorted.length }
}

/** The runs of one case that count. */
export function runsOf(runs: readonly CaseRun[], caseName: string): CaseRun[] {
  return runs.filter((run) => run.caseName === caseName && run.verdict === 'ok')
}

/** Time of one case over time of another, taken round by round, so that a slow minute of the machine weighs on both. */
export function pairedRatio(runs: readonly CaseRun[], caseName: string, over: string): Spread | undefined {
  const bases = runsOf(runs, over)
  const ratios = runsOf(runs, caseName).flatMap((run) => {
    const base = bases.find(({ round }) => round === run.round)
    return base === undefined ? [] : [run.wallSeconds / base.wallSeconds]
  })
  return spread(ratios)
}
