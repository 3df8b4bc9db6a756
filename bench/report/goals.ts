import { Figures } from './figures.js'
import type { DataSetResult } from './result.js'
import type { Spread } from './statistics.js'

type Measure = (figures: Figures) => Spread | undefined

interface Goal {
  readonly text: string
  readonly bound: 'at most' | 'at least'
  readonly limit: number
  readonly measure: Measure
}

const MYSQL = 'mysql-to-postgres'
const POSTGRES = 'postgres-to-postgres'
const TO_MYSQL = 'postgres-to-mysql'
const GRAPHQL = 'graphql-to-postgres'
const MERGE = 'merge-postgres'
const GROWTH = 'growth'

/** What the product has promised to reach, as figures of this harness. Throughput of a over b is time of b over a. */
const GOALS: readonly Goal[] = [
  atLeast(3.2, 'd1: throughput of airlock / pgloader', ratio(MYSQL, 'd1', 'pgloader', 'airlock')),
  atLeast(1.25, 'd1: throughput of airlock / shell pipe', ratio(MYSQL, 'd1', 'shell-pipe', 'airlock')),
  atMost(1.05, 'd1: time of airlock / psql \\copy', ratio(MYSQL, 'd1', 'airlock', 'psql-copy')),
  atMost(1.15, 'd1: time of airlock with tokenize / without', ratio(MYSQL, 'd1', 'airlock-mask', 'airlock')),
  atMost(
    1.03,
    'd1: time of airlock / without audit, telemetry, verification',
    ratio(MYSQL, 'd1', 'airlock', 'airlock-bare'),
  ),
  atMost(1.15, 'd1: time of airlock with TLS / without', ratio(MYSQL, 'd1', 'airlock-tls', 'airlock')),
  atMost(50, 'd1: event loop lag of airlock, p99, ms', (figures) => figures.loopLag(MYSQL, 'd1')),
  atLeast(1.35, `${POSTGRES} d1: throughput of airlock / psql pipe`, ratio(POSTGRES, 'd1', 'psql-pipe', 'airlock')),
  atMost(1.15, `${POSTGRES} d1: time of airlock with TLS / without`, ratio(POSTGRES, 'd1', 'airlock-tls', 'airlock')),
  atMost(50, `${POSTGRES} d1: event loop lag of airlock, p99, ms`, (figures) => figures.loopLag(POSTGRES, 'd1')),
  atLeast(1, `${TO_MYSQL} d1: throughput of airlock / pipe`, ratio(TO_MYSQL, 'd1', 'load-data-pipe', 'airlock')),
  atMost(50, `${TO_MYSQL} d1: event loop lag of airlock, p99, ms`, (figures) => figures.loopLag(TO_MYSQL, 'd1')),
  atMost(1.5, 'd4-20ms: time of airlock / (pages × latency)', (figures) => figures.overLeast(GRAPHQL, 'd4-20ms')),
  ...['merge-300k', 'merge-1m'].flatMap((dataSet) => [
    atMost(
      1.9,
      `${dataSet}: time of airlock merge / airlock append of the same rows`,
      ratio(MERGE, dataSet, 'airlock', 'airlock-append'),
    ),
    atMost(
      1.9,
      `${dataSet}: time of airlock merge / psql \\copy of the same rows`,
      ratio(MERGE, dataSet, 'airlock', 'psql-copy'),
    ),
    atLeast(2, `${dataSet}: throughput of airlock / VALUES upsert`, ratio(MERGE, dataSet, 'values-upsert', 'airlock')),
  ]),
  atMost(160, 'greatest peak RSS of airlock in one thread, MiB', (figures) => figures.greatestPeak()),
  atMost(15, 'peak RSS of airlock, n10 − n1, MiB', (figures) => figures.peakGrowth(MYSQL, 'n10', 'n1')),
  atMost(1.1, 'time of airlock for a row, n10 / n1', (figures) => figures.rowTimeGrowth(MYSQL, 'n10', 'n1')),
  ...['narrow', 'mixed'].flatMap((name) => growth(name)),
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
  const figures = new Figures(results)
  return GOALS.flatMap(({ text, bound, limit, measure }) => {
    const measured = measure(figures)
    if (measured === undefined) return []
    const reached = bound === 'at most' ? measured.median <= limit : measured.median >= limit
    return [{ text, goal: `${bound} ${limit}`, measured, reached }]
  })
}

/** Time for a row without start-up, from each size to the next, and memory from the least to the greatest. */
function growth(name: string): Goal[] {
  const steps = [
    ['1m', '100k'],
    ['10m', '1m'],
  ] as const
  return [
    ...steps.map(([many, few]) =>
      atMost(1.1, `${name}: time of airlock for a row without start-up, ${many} / ${few}`, (figures) =>
        figures.rowTimeGrowth(GROWTH, `${name}-${many}`, `${name}-${few}`, `${name}-0`),
      ),
    ),
    atMost(15, `${name}: peak RSS of airlock, 10m − 100k, MiB`, (figures) =>
      figures.peakGrowth(GROWTH, `${name}-10m`, `${name}-100k`),
    ),
  ]
}

function ratio(route: string, dataSet: string, caseName: string, over: string): Measure {
  return (figures) => figures.ratio(route, dataSet, caseName, over)
}

function atMost(limit: number, text: string, measure: Measure): Goal {
  return { text, bound: 'at most', limit, measure }
}

function atLeast(limit: number, text: string, measure: Measure): Goal {
  return { text, bound: 'at least', limit, measure }
}
