import type { QueryLimits } from '../core/driver.js'
import { queryRefused } from '../core/query-refusal.js'
import { type MaskedResult, maskResult } from './mask-result.js'
import type { Workspace } from './workspace.js'

/** What can be explained; nothing that could be an option of EXPLAIN, such as ANALYZE, which runs the statement. */
const EXPLAINABLE = /^[\s(]*(?:select|with|values|table)\b/i

/** The statement that makes the server say how it would answer this one. Throws QUERY_REFUSED for what is no plain read. */
export function explained(sql: string): string {
  if (!EXPLAINABLE.test(sql)) throw queryRefused('statement')
  return `EXPLAIN ${sql}`
}

/** Runs one statement that reads on a session of its own, recorded in the audit log by the connection and what came of it:
 * neither the statement nor a row. Throws QUERY_REFUSED, UNSUPPORTED for a driver without queries, and what the server
 * says. */
export async function runQuery(
  workspace: Workspace,
  connection: string,
  sql: string,
  limits: QueryLimits,
  signal: AbortSignal,
): Promise<MaskedResult> {
  const { rows, bytes, cellBytes, timeoutMs } = limits
  workspace.config.declaration(connection)
  return await workspace.audited(
    'query',
    { connection, max_rows: rows, max_bytes: bytes, max_cell: cellBytes, timeout_ms: timeoutMs },
    async () => {
      await using session = await workspace.connect(connection, signal)
      const masks = Object.keys(workspace.config.queryMasks(connection)).length > 0
      const result = await session.query(sql, { ...limits, provenance: masks }, signal)
      // Before anybody sees it.
      return await maskResult(result, workspace.config, connection)
    },
    (result) => ({
      rows: result.rows.length,
      truncated: result.truncated ?? null,
      role_can_write: result.roleCanWrite,
      masked: result.masked.filter(Boolean).length,
    }),
  )
}
