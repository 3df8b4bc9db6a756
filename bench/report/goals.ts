import type { DataSetResult } from './result.js'
import { pairedRatio, runsOf, type Spread, spread } from './statistics.js'

const MEBIBYTE = 1024 * 1024
const AIRLOCK_CASES = ['airlock', 'airlock-bare', 'airlock-mask']

interface Goal {
  readonly text: string
  readonly bound: 'at most' | 'at least'
  readonly limit: number
  measure(results: readonly DataSetResult[]): Spread | undefined
}

/** What the product has promised to reach, as figures of this harness. */
const GOALS: readonly Goal[] = [
  {
    text: 'd1: throughput of airlock / pgloader',
    bound: 'at least',
    limit: 3.2,
    measure: (results) => pairedRatio(runsIn(results, 'd1'), 'pgloader', 'airlock'),
  },
  {
    text: 'd1: throughput of airlock / shell pipe',
    bound: 'at least',
    limit: 1.25,
    measure: (results) => pairedRatio(runsIn(results, 'd1'), 'shell-pipe', 'airlock'),
  },
  {
    text: 'd1: time of airlock / psql \\copy',
    bound: 'at most',
    limit: 1.05,
    measure: (results) => pairedRatio(runsIn(results, 'd1'), 'airlock', 'psql-copy'),
  },
  {
    text: 'd1: time of airlock with tokenize / without',
    bound: 'at most',
    limit: 1.15,
    measure: (results) => pairedRatio(runsIn(results, 'd1'), 'airlock-mask', 'airlock'),
  },
  {
    text: 'd1: time of airlock / without audit, telemetry, verification',
    bound: 'at most',
    limit: 1.03,
    measure: (results) => pairedRatio(runsIn(results, 'd1'), 'airlock', 'airlock-bare'),
  },
  {
    text: 'greatest peak RSS of airlock, MiB',
    bound: 'at most',
    limit: 160,
    measure: (results) => {
      const all = spread(results.flatMap(({ runs }) => peaks(runs)))
      return all === undefined ? undefined : spread([all.max])
    },
  },
  {
    text: 'peak RSS of airlock, n10 − n1, MiB',
    bound: 'at most',
    limit: 15,
    measure: (results) => {
      const many = spread(peaks(runsIn(results, 'n10')))
      const few = spread(peaks(runsIn(results, 'n1')))
      return many === undefined || few === undefined ? undefined : spread([many.median - few.median])
    },
  },
  {
    text: 'time of airlock for a row, n10 / n1',
    bound: 'at most',
    limit: 1.1,
    measure: (results) => {
      const many = secondsPerRow(results, 'n10')
      const few = secondsPerRow(results, 'n1')
      return many === undefined || few === undefined ? undefined : spread([many.median / few.median])
    },
  },
]

/** One goal beside what was measured. */
export interface GoalLine {
  readonly text: string
  readonly goal: string
  readonly measured: Spread
  readonly reached: boolean
}

/** The goals for which there are figures, judged by the median. */
export function judgeGoals(results: readonly DataSetResult[]): GoalLine[] {
  return GOALS.flatMap(({ text, bound, limit, measure }) => {
    const measured = measure(results)
    if (measured === undefined) return []
    const reached = bound === 'at most' ? measured.median <= limit : measured.median >= limit
    return [{ text, goal: `${bound} ${limit}`, measured, reached }]
  })
}

function runsIn(results: readonly DataSetResult[], dataSet: string): DataSetResult['runs'] {
  return results.find((result) => result.dataSet === dataSet)?.runs ?? []
}

function peaks(runs: DataSetResult['runs']): number[] {
  return AIRLOCK_CASES.flatMap((name) => runsOf(runs, name)).map(
    ({ peakResidentBytes }) => peakResidentBytes / MEBIBYTE,
  )
}

function secondsPerRow(results: readonly DataSetResult[], dataSet: string): Spread | undefined {
  const rows = results.find((result) => result.dataSet === dataSet)?.rows ?? 1
  return spread(runsOf(runsIn(results, dataSet), 'airlock').map(({ wallSeconds }) => wallSeconds / rows))
}
