import type { CaseRun } from '../measure/rounds.js'
import type { GoalLine } from './goals.js'
import type { DataSetResult } from './result.js'
import { pairedRatio, runsOf, type Spread, spread } from './statistics.js'

const MEBIBYTE = 1024 * 1024

/** The cases against which the others are held, with the heading of their column. */
const BASES = [
  ['psql-copy', '/ floor'],
  ['load-data', '/ floor'],
  ['psql-merge', '/ psql merge'],
  ['shell-pipe', '/ shell pipe'],
  ['pgloader', '/ pgloader'],
  ['psql-pipe', '/ psql pipe'],
  ['pg-dump', '/ pg_dump'],
  ['load-data-pipe', '/ pipe'],
  ['graphql-request', '/ graphql-request'],
  ['values-upsert', '/ VALUES upsert'],
] as const

/** One data set as a Markdown table: medians, and ratios of times as `median [min..max]`. */
export function dataSetTable(result: DataSetResult): string {
  const { dataSet, title, rows, bytes, leastSeconds, cpuNames, cases, left, runs } = result
  const bases = BASES.filter(([name]) => cases.some((one) => one.name === name))
  const header = ['case', 'wall s', 'krows/s', ...bases.map(([, heading]) => heading), 'client CPU s']
  header.push(...cpuNames.map((name) => `${name} CPU s`), 'peak RSS MiB', 'loop lag p99/max ms', 'content')
  const lines = cases.map(({ name }) => [
    name,
    ...figures(runsOf(runs, name), rows, (base) => pairedRatio(runs, name, base), bases),
    verdicts(runs.filter((run) => run.caseName === name)),
  ])
  return [
    `### ${dataSet}: ${rows.toLocaleString('en')} rows, ${title}, ${(bytes / 1e6).toFixed(1)} MB as text`,
    '',
    markdown(header, lines),
    ...(leastSeconds === undefined
      ? []
      : [`\nPages × latency, the least for any client: ${leastSeconds.toFixed(2)} s`]),
    ...left.map(({ name, reason }) => `\n${name}: ${reason}`),
  ].join('\n')
}

/** The goals as a Markdown table. At a small scale the figures are mostly start-up, which the heading says. */
export function goalTable(goals: readonly GoalLine[], scale: number): string {
  const lines = goals.map(({ text, goal, measured, reached }) => [text, goal, range(measured), reached ? 'yes' : 'NO'])
  const heading = scale < 1 ? `Goals (meant for scale 1; at ${scale} start-up decides)` : 'Goals'
  return `### ${heading}\n\n${markdown(['figure', 'goal', 'measured', 'reached'], lines)}`
}

/** One run as a line of progress. */
export function runLine(dataSet: string, run: CaseRun): string {
  const { caseName, round, wallSeconds, cpuSeconds, peakResidentBytes, load, verdict } = run
  const peak = (peakResidentBytes / MEBIBYTE).toFixed(0)
  const words =
    verdict === 'FAILED' ? ` (exit ${run.exitCode}) ${run.lastWords.replaceAll('\n', ' | ').slice(0, 200)}` : ''
  return `${dataSet} round ${round} ${caseName}: ${wallSeconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s, ${peak} MiB, load ${load.toFixed(1)}, ${verdict}${words}`
}

function figures(
  good: readonly CaseRun[],
  rows: number,
  ratio: (base: string) => Spread | undefined,
  bases: readonly (readonly [string, string])[],
): string[] {
  const median = (value: (run: CaseRun) => number, digits = 2): string =>
    spread(good.map(value))?.median.toFixed(digits) ?? '–'
  return [
    median((run) => run.wallSeconds),
    median((run) => rows / run.wallSeconds / 1000, 0),
    ...bases.map(([base]) => range(ratio(base))),
    median((run) => run.cpuSeconds),
    median((run) => run.sourceCpuSeconds),
    median((run) => run.targetCpuSeconds),
    median((run) => run.peakResidentBytes / MEBIBYTE, 0),
    loopLag(good),
  ]
}

/** Programs that are not Node's have none. */
function loopLag(good: readonly CaseRun[]): string {
  const delays = good.flatMap(({ loopDelay }) => (loopDelay === undefined ? [] : [loopDelay]))
  const p99 = spread(delays.map(({ p99Ms }) => p99Ms))
  const max = spread(delays.map(({ maxMs }) => maxMs))
  return p99 === undefined || max === undefined ? '–' : `${p99.median.toFixed(0)} / ${max.median.toFixed(0)}`
}

function verdicts(runs: readonly CaseRun[]): string {
  const bad = runs.filter((run) => run.verdict !== 'ok')
  return bad.length === 0 ? 'same' : `${bad[0]?.verdict} ${bad.length}/${runs.length}`
}

function range(value: Spread | undefined): string {
  if (value === undefined) return '–'
  const { median, min, max, count } = value
  return count === 1 ? median.toFixed(2) : `${median.toFixed(2)} [${min.toFixed(2)}..${max.toFixed(2)}]`
}

function markdown(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = header.map((_, at) => Math.max(3, ...[header, ...lines].map((line) => line[at]?.length ?? 0)))
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [row(header), row(rule), ...lines.map(row)].join('\n')
}
