import type { DsnSpan } from './dsn.js'
import { parseDsn } from './parse-dsn.js'
import { isPlaceholder, MASK } from './placeholder.js'

export interface MaskDsnOptions {
  /** Show nothing but the scheme: no user, host, port, database or parameter. */
  readonly hideTopology?: boolean | undefined
}

/** How often a masked text may be read anew until it stays the same: hiding a `?` can make a plainer text of it, in
 * which more is hidden. Twice is the most seen. */
const PASSES = 5

/** A connection string as it may be shown: every credential, and every parameter that is not known to be harmless, is
 * `***`; the rest stays. With `hideTopology` only the scheme stays. Takes URLs, JDBC, go-sql-driver, libpq and ADO/ODBC
 * shapes; a text that is none of these becomes `***` whole. Never throws; masking twice equals masking once. */
export function maskDsn(dsn: string, options: MaskDsnOptions = {}): string {
  if (isPlaceholder(dsn.trim())) return dsn
  if (options.hideTopology === true) return `${parseDsn(dsn)?.scheme ?? ''}${MASK}`
  let text = dsn
  for (let pass = 0; pass < PASSES; pass++) {
    const masked = maskOnce(text)
    if (masked === text) return text
    text = masked
  }
  return MASK
}

function maskOnce(text: string): string {
  const parsed = parseDsn(text)
  if (parsed === undefined) return MASK
  let masked = ''
  let at = 0
  for (const { start, end } of mergeSpans(parsed.spans)) {
    masked += text.slice(at, start) + MASK
    at = end
  }
  return masked + text.slice(at)
}

/** Sorted, with overlapping and touching spans made one. */
function mergeSpans(spans: readonly DsnSpan[]): { start: number; end: number }[] {
  const merged: { start: number; end: number }[] = []
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else merged.push({ start, end })
  }
  return merged
}
