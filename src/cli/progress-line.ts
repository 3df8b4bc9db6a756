import type { StreamReport } from '../run/report.js'
import type { Progress } from '../run/run-stream.js'
import type { Output } from './output.js'
import { formatBytes, formatCount } from './table.js'

/** How often the line is drawn. */
const INTERVAL_MS = 100

/** One line under the cursor while a stream runs: rows, bytes, rate, and the time left where the count is known. Only on
 * a terminal. */
export class ProgressLine {
  #output: Output
  #shown: boolean
  #drawn = 0

  constructor(output: Output, wanted: boolean) {
    this.#output = output
    this.#shown = wanted && process.stderr.isTTY === true && !output.settings.quiet && !output.settings.json
  }

  update(progress: Progress): void {
    if (!this.#shown) return
    const now = performance.now()
    if (now - this.#drawn < INTERVAL_MS) return
    this.#drawn = now
    this.#output.progress(formatProgress(progress))
  }

  finish(_report: StreamReport): void {
    if (this.#shown) this.#output.progress('')
  }
}

/** `orders  120,000 rows  31.2 MiB  310,000 rows/s  40 % 2 s left` */
export function formatProgress(progress: Progress): string {
  const { rows, bytes, seconds, estimatedRows } = progress
  const rate = seconds > 0 ? Math.round(rows / seconds) : 0
  const left =
    estimatedRows === undefined || estimatedRows <= rows || rate === 0
      ? ''
      : `  ${Math.floor((rows / estimatedRows) * 100)} %  ${Math.ceil((estimatedRows - rows) / rate)} s left`
  const counted = `${formatCount(rows)} rows  ${formatBytes(bytes)}  ${formatCount(rate)} rows/s`
  return `${progress.stream}  ${counted}${left}`
}
