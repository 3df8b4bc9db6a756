import { Readable } from 'node:stream'
import type { Batch, Column } from '../../../core/batch.js'
import { atMost } from '../../../core/bounded.js'
import type { WriteOutline, WritePlan, WriteReceipt } from '../../../core/driver.js'
import { suggest } from '../../../core/suggest.js'
import { AirlockError } from '../../../errors/index.js'
import { profile, type RestCatalog, type RestTable } from './catalog.js'
import type { RestAnswer, RestClient } from './client.js'
import { invalid } from './config.js'
import { RestError } from './errors.js'
import { quoteField } from './query.js'
import { RowEncoder } from './row-encoder.js'

/** What happens to a row whose key is there already; the first is the default. */
export const REST_POLICIES = { conflicts: ['error', 'update', 'ignore'] } as const
type Conflicts = (typeof REST_POLICIES.conflicts)[number]

/** Size of the pieces in which a body is sent, and of a request that may be repeated. */
const PIECE_BYTES = 64 * 1024
const REQUEST_BYTES = 1024 * 1024
const RETURN_MS = 2000

interface RestWrite {
  readonly table: RestTable
  readonly columns: readonly Column[]
  readonly conflicts: Conflicts
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Writes rows by POST. With `conflicts: error` the whole stream is one request, which the server runs as one transaction:
 * all rows or none, and a second run is refused by the key. Otherwise requests of up to `requestRows` rows follow one
 * another, each of which may be repeated. Throws OUTCOME_UNKNOWN where the server took everything and did not answer. */
export async function writeRows(
  client: RestClient,
  catalog: RestCatalog,
  plan: WritePlan,
  batches: AsyncIterable<Batch>,
  requestRows: number,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const source = batches[Symbol.asyncIterator]()
  try {
    const first = await source.next()
    if (first.done === true) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    const write = await planWrite(catalog, plan, first.value.columns, signal)
    const rows = rowsOf(first.value, source)
    const send = write.conflicts === 'error' ? sendWhole : sendParts
    return await send(client, write, plan, rows, requestRows, signal)
  } finally {
    if (source.return !== undefined) await atMost(RETURN_MS, source.return())
  }
}

/** What a write would do. */
export async function outlineWrite(
  catalog: RestCatalog,
  plan: WritePlan,
  columns: readonly Column[],
  signal: AbortSignal,
): Promise<WriteOutline> {
  const { table, conflicts, path } = await planWrite(catalog, plan, columns, signal)
  const whole = ['atomic: one request, all rows or none', 'a second run is refused by the primary key']
  const parts = ['idempotent: rows are told apart by the primary key', 'not atomic: requests that follow one another']
  return {
    targetExists: true,
    statements: [`POST ${decodeURIComponent(path)}`],
    columnTypes: Object.fromEntries(columns.map(({ name }) => [name, columnOf(table, name).sourceType])),
    notes: conflicts === 'error' ? whole : parts,
  }
}

async function planWrite(
  catalog: RestCatalog,
  plan: WritePlan,
  columns: readonly Column[],
  signal: AbortSignal,
): Promise<RestWrite> {
  const conflicts = REST_POLICIES.conflicts.find((word) => word === (plan.policies?.['conflicts'] ?? 'error'))
  if (conflicts === undefined) {
    throw invalid('policies.conflicts', `the choices are ${REST_POLICIES.conflicts.join(', ')}`)
  }
  const table = await catalog.table(plan.table, signal)
  for (const { name } of columns) columnOf(table, name)
  const key = plan.primaryKey ?? table.primaryKey
  const names = columns.map(({ name }) => name)
  if (key.length === 0 || !key.every((name) => names.includes(name))) {
    throw mismatch('the primary key has to be among the columns, or a second run would add the rows again')
  }
  const query = [`columns=${names.map(quoteField).join(',')}`]
  if (conflicts !== 'error') query.push(`on_conflict=${key.map(quoteField).join(',')}`)
  const resolution = { error: [], update: ['resolution=merge-duplicates'], ignore: ['resolution=ignore-duplicates'] }
  return {
    table,
    columns,
    conflicts,
    path: `/${encodeURIComponent(table.name)}?${query.join('&')}`,
    headers: {
      'content-type': 'application/json',
      prefer: ['return=minimal', 'count=exact', ...resolution[conflicts]].join(','),
      ...profile('content', table.schema),
    },
  }
}

function columnOf(table: RestTable, name: string): Column {
  const found = table.columns.find((column) => column.name === name)
  if (found !== undefined) return found
  const names = table.columns.map((column) => column.name)
  throw mismatch(`the target has no column ${name}${suggest(name, names)}`)
}

type Rows = AsyncGenerator<readonly [batch: Batch, row: number], void, undefined>

async function* rowsOf(first: Batch, rest: AsyncIterator<Batch>): Rows {
  for (let next: IteratorResult<Batch> = { value: first }; next.done !== true; next = await rest.next()) {
    for (let row = 0; row < next.value.rowCount; row++) yield [next.value, row]
    next.value.release?.()
  }
}

async function sendWhole(
  client: RestClient,
  write: RestWrite,
  plan: WritePlan,
  rows: Rows,
  _: number,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  let rowsSent = 0
  let bytesSent = 0
  let complete = false
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    const encoder = new RowEncoder(write.columns)
    const piece = (bytes: Uint8Array): Uint8Array => {
      bytesSent += bytes.length
      return bytes
    }
    yield piece(Buffer.from('['))
    for await (const [batch, row] of rows) {
      encoder.row(batch, row, rowsSent++ === 0)
      if (encoder.size >= PIECE_BYTES) yield piece(encoder.take())
    }
    if (encoder.size > 0) yield piece(encoder.take())
    // Without its last byte the request is no JSON, so that a throw here leaves nothing behind.
    await plan.beforeCommit?.(receiptOf(rowsSent, rowsSent, bytesSent + 1, 'request'))
    complete = true
    yield piece(Buffer.from(']'))
  }
  const request = {
    method: 'POST',
    path: write.path,
    headers: write.headers,
    body: Readable.from(body()),
    repeatable: false,
  } as const
  try {
    const { answer } = await client.text(request, signal)
    return confirmed(rowsSent, affected(answer), bytesSent, 'request', true)
  } catch (error) {
    if (complete && !(error instanceof RestError) && !(error instanceof AirlockError)) throw unknownOutcome()
    throw error
  }
}

async function sendParts(
  client: RestClient,
  write: RestWrite,
  plan: WritePlan,
  rows: Rows,
  requestRows: number,
  signal: AbortSignal,
): Promise<WriteReceipt> {
  const encoder = new RowEncoder(write.columns)
  let rowsSent = 0
  let rowsConfirmed = 0
  let bytesSent = 0
  let inPart = 0
  const flush = async (): Promise<void> => {
    if (inPart === 0) return
    const body = Buffer.concat([Buffer.from('['), encoder.take(), Buffer.from(']')])
    const request = { method: 'POST', path: write.path, headers: write.headers, body, repeatable: true } as const
    rowsConfirmed += affected((await client.text(request, signal)).answer)
    bytesSent += body.length
    inPart = 0
  }
  for await (const [batch, row] of rows) {
    encoder.row(batch, row, inPart++ === 0)
    rowsSent++
    if (inPart === requestRows || encoder.size >= REQUEST_BYTES) await flush()
  }
  await plan.beforeCommit?.(receiptOf(rowsSent, rowsSent, bytesSent + encoder.size, 'requests'))
  await flush()
  return confirmed(rowsSent, rowsConfirmed, bytesSent, 'requests', write.conflicts === 'update')
}

/** How many rows the server wrote: `*` and a count. */
function affected({ headers }: RestAnswer): number {
  return Number(/\/(\d+)$/.exec(String(headers['content-range'] ?? ''))?.[1] ?? Number.NaN)
}

function confirmed(sent: number, rows: number, bytes: number, route: string, all: boolean): WriteReceipt {
  const plausible = all ? rows === sent : rows <= sent
  if (!plausible) throw unknownOutcome()
  return receiptOf(sent, rows, bytes, route)
}

function receiptOf(rowsSent: number, rows: number, bytesSent: number, route: string): WriteReceipt {
  const policyCounts: Record<string, number> = rows === rowsSent ? {} : { conflicts: rowsSent - rows }
  return { rowsSent, rowsConfirmed: rows, rowsCounted: rows, bytesSent, created: false, route, policyCounts }
}

function unknownOutcome(): AirlockError {
  return new AirlockError('OUTCOME_UNKNOWN', { phase: 'write' })
}

function mismatch(problem: string): AirlockError {
  return new AirlockError('SCHEMA_MISMATCH', { phase: 'plan', params: { problem } })
}
