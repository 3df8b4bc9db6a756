import type { DataSetResult } from './result.js'
import { pairedRatio, runsOf, type Spread, spread } from './statistics.js'

const MEBIBYTE = 1024 * 1024

interface Goal {
  readonly text: string
  readonly dataSet: string
  readonly bound: 'at most' | 'at least'
  readonly limit: number
  measure(results: readonly DataSetResult[]): Spread | undefined
}

/** Time of `over` divided by time of `caseName`: how many times faster the latter is. */
const speedup = (dataSet: string, caseName: string, over: string) => (results: readonly DataSetResult[]) =>
  pairedRatio(runsIn(results, dataSet), over, caseName)

const slowdown = (dataSet: string, caseName: string, over: string) => (results: readonly DataSetResult[]) =>
  pairedRatio(runsIn(results, dataSet), caseName, over)

/** What the product has promised to reach, as figures of this harness. */
const GOALS: readonly Goal[] = [
  {
    text: 'd1: throughput of airlock / pgloader',
    dataSet: 'd1',
    bound: 'at least',
    limit: 3.2,
    measure: speedup('d1', 'airlock', 'pgloader'),
  },
  {
    text: 'd1: throughput of airlock / shell pipe',
    dataSet: 'd1',
    bound: 'at least',
    limit: 1.25,
    measure: speedup('d1', 'airlock', 'shell-pipe'),
  },
  {
    text: 'd1: time of airlock / psql \\copy',
    dataSet: 'd1',
    bound: 'at most',
    limit: 1.05,
    measure: slowdown('d1', 'airlock', 'psql-copy'),
  },
  {
    text: 'd1: time of airlock with tokenize / without',
    dataSet: 'd1',
    bound: 'at most',
    limit: 1.15,
    measure: slowdown('d1', 'airlock-mask', 'airlock'),
  },
  {
    text: 'peak RSS of airlock, all data sets, MiB',
    dataSet: 'any',
    bound: 'at most',
    limit: 160,
    measure: (results) => spread(results.flatMap(({ runs }) => peaks(runs))),
  },
  {
    text: 'peak RSS of airlock, n10 − n1, MiB',
    dataSet: 'n10',
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
    dataSet: 'n10',
    bound: 'at most',
    limit: 1.1,
    measure: (results) => {
      const times = (name: string) => {
        const rows = results.find((result) => result.dataSet === name)?.rows ?? 1
        return spread(runsOf(runsIn(results, name), 'airlock').map(({ wallSeconds }) => wallSeconds / rows))
      }
      const [many, few] = [times('n10'), times('n1')]
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

/** The goals for which there are figures. A goal on memory is judged by the greatest figure, the others by the median. */
export function judgeGoals(results: readonly DataSetResult[]): GoalLine[] {
  return GOALS.flatMap(({ text, dataSet, bound, limit, measure }) => {
    const measured = measure(results)
    if (measured === undefined) return []
    const judged = dataSet === 'any' ? measured.max : measured.median
    const reached = bound === 'at most' ? judged <= limit : judged >= limit
    return [{ text, goal: `${bound} ${limit}`, measured, reached }]
  })
}

function runsIn(results: readonly DataSetResult[], dataSet: string): DataSetResult['runs'] {
  return results.find((result) => result.dataSet === dataSet)?.runs ?? []
}

function peaks(runs: DataSetResult['runs']): number[] {
  return ['airlock', 'airlock-mask']
    .flatMap((name) => runsOf(runs, name))
    .map(({ peakResidentBytes }) => peakResidentBytes / MEBIBYTE)
}
