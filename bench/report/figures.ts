import type { DataSetResult } from './result.js'
import { pairedRatio, runsOf, type Spread, spread } from './statistics.js'

const MEBIBYTE = 1024 * 1024

/** The results of one run, from which the figures of the goals are taken. */
export class Figures {
  readonly #results: readonly DataSetResult[]

  constructor(results: readonly DataSetResult[]) {
    this.#results = results
  }

  /** Time of one case over time of another on a data set of a route; undefined where either is missing. */
  ratio(route: string, dataSet: string, caseName: string, over: string): Spread | undefined {
    return pairedRatio(this.#runs(route, dataSet), caseName, over)
  }

  /** The greatest peak of any case of Airlock on any route, in MiB. */
  greatestPeak(): Spread | undefined {
    const all = spread(
      // The goal is of one stream in one thread.
      this.#results.flatMap((result) =>
        peaks(
          result.runs,
          airlockCases(result).filter((name) => !name.endsWith('threads')),
        ),
      ),
    )
    return all === undefined ? undefined : spread([all.max])
  }

  /** How much more memory the cases of Airlock take for one data set than for another, in MiB. */
  peakGrowth(route: string, many: string, few: string): Spread | undefined {
    const [more, less] = [many, few].map((dataSet) => {
      const result = this.#result(route, dataSet)
      return result === undefined ? undefined : spread(peaks(result.runs, airlockCases(result)))
    })
    return more === undefined || less === undefined ? undefined : spread([more.median - less.median])
  }

  /** Time for a row of one data set over time for a row of another, less what the data set `startUp` takes. */
  rowTimeGrowth(route: string, many: string, few: string, startUp?: string): Spread | undefined {
    const base = startUp === undefined ? 0 : this.#seconds(route, startUp)
    const [more, less] = [many, few].map((dataSet) => {
      const seconds = this.#seconds(route, dataSet)
      const rows = this.#result(route, dataSet)?.rows
      return seconds === undefined || rows === undefined || base === undefined ? undefined : (seconds - base) / rows
    })
    // At small scales start-up is all there is, and what is left of it means nothing.
    if (more === undefined || less === undefined || more <= 0 || less <= 0) return undefined
    return spread([more / less])
  }

  /** Time of Airlock over the least that any client needs. */
  overLeast(route: string, dataSet: string): Spread | undefined {
    const least = this.#result(route, dataSet)?.leastSeconds
    if (least === undefined || least === 0) return undefined
    return spread(runsOf(this.#runs(route, dataSet), 'airlock').map(({ wallSeconds }) => wallSeconds / least))
  }

  /** How late Airlock's event loop was in the worst hundredth, in ms. */
  loopLag(route: string, dataSet: string): Spread | undefined {
    const runs = runsOf(this.#runs(route, dataSet), 'airlock')
    return spread(runs.flatMap(({ loopDelay }) => (loopDelay === undefined ? [] : [loopDelay.p99Ms])))
  }

  #seconds(route: string, dataSet: string): number | undefined {
    return spread(runsOf(this.#runs(route, dataSet), 'airlock').map(({ wallSeconds }) => wallSeconds))?.median
  }

  #runs(route: string, dataSet: string): DataSetResult['runs'] {
    return this.#result(route, dataSet)?.runs ?? []
  }

  #result(route: string, dataSet: string): DataSetResult | undefined {
    return this.#results.find((result) => result.route === route && result.dataSet === dataSet)
  }
}

function airlockCases({ cases }: DataSetResult): string[] {
  return cases.filter(({ kind }) => kind === 'airlock').map(({ name }) => name)
}

function peaks(runs: DataSetResult['runs'], cases: readonly string[]): number[] {
  return cases.flatMap((name) => runsOf(runs, name)).map(({ peakResidentBytes }) => peakResidentBytes / MEBIBYTE)
}
