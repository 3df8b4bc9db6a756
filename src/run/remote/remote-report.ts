import { z } from 'zod'
import type { PipelineStream } from '../../config/pipeline.js'
import { CODES, type ErrorCode } from '../../errors/index.js'
import type { JobResult } from '../jobs/job.js'
import type { StreamReport } from '../report.js'

const count = z.number().int().min(0)
const text = z.string().max(2000)

/** A report comes out of a sandbox, which is not trusted: only what fits goes on, and no more of it. */
const streamReport = z.object({
  stream: text,
  status: z.enum(['ok', 'failed', 'skipped']),
  mode: text,
  route: text.nullable(),
  rows_read: count,
  rows_masked: count,
  bytes_read: count,
  batches: count,
  rows_sent: count,
  rows_confirmed: count,
  rows_written: count,
  rows_rejected: count,
  changes: z
    .object({
      inserted: count,
      updated: count,
      deleted: count,
      unchanged: count,
      duplicates: count,
      rejected: count,
    })
    .nullable(),
  bytes: count,
  seconds: z.number().min(0),
  rows_per_second: z.number().min(0).nullable(),
  masked_columns: z.array(text),
  policies: z.record(text, count),
  verification: z.object({ kind: z.enum(['none', 'count', 'checksum']), ok: z.boolean() }),
  checksums: z.record(text, text).nullable(),
  state: z
    .object({
      cursor: text,
      kept_in: z.enum(['target', 'home']),
      before: text.nullable(),
      after: text.nullable(),
    })
    .nullable(),
  ranges: z.object({ total: count, skipped: count }).nullable(),
  attempts: count,
  notes: z.array(text),
  error: z
    .object({
      code: z.enum(Object.keys(CODES) as [ErrorCode, ...ErrorCode[]]),
      message: text,
      hint: text,
      exit_code: z.literal([0, 1, 2, 3, 4, 5, 6, 7, 124, 130, 143]),
      retryable: z.boolean(),
      phase: z.string().optional(),
      origin: z.string().max(20).optional(),
      connection: text.optional(),
      ref: z.string().max(40),
    })
    .nullable(),
})

const jobResult = z.object({
  status: z.enum(['ok', 'partial', 'failed', 'cancelled']),
  exit_code: z.int().min(0).max(255),
  streams: z.array(streamReport),
  part: z
    .object({ table: text, rows: count, bytes: count, policies: z.record(text, count), seconds: z.number().min(0) })
    .nullable(),
  counters: z.record(text, z.number()),
})

/** What a worker reported, or undefined where it does not have the shape of a report, or speaks of other streams than those
 * that it was given. */
export function parseResult(report: unknown, streams: readonly PipelineStream[]): JobResult | undefined {
  const parsed = jobResult.safeParse(report)
  if (!parsed.success) return undefined
  const known = new Set(streams.map(({ name }) => name))
  if (!parsed.data.streams.every((one: { stream: string }) => known.has(one.stream))) return undefined
  return parsed.data as JobResult & { readonly streams: readonly StreamReport[] }
}
