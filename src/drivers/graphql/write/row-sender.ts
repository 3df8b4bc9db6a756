import { createHash } from 'node:crypto'
import type { Batch } from '../../../core/batch.js'
import type { WriteReceipt } from '../../../core/driver.js'
import { AirlockError, classifyNetworkError } from '../../../errors/index.js'
import { classifyGraphqlError, GraphqlErrors, HttpError } from '../errors.js'
import type { GraphqlTransport } from '../http/client.js'
import { at } from '../paths.js'
import type { ExactObject } from '../read/exact-json.js'
import { Outcomes, type RowOutcome } from './outcomes.js'
import { Quarantine } from './quarantine.js'
import type { GraphqlTarget } from './target.js'

/** The rows of one request. */
export type RowGroup = EncodedRow[]

interface EncodedRow {
  /** Its place in the stream, from 1. */
  readonly number: number
  readonly text: string
  /** Asked for by a quarantine. */
  readonly key: Readonly<Record<string, string>> | undefined
}

/** What a failure says of the rows of its request, and whether further requests make sense. */
interface Verdict {
  readonly outcome: Exclude<RowOutcome, 'written'>
  readonly final: boolean
}

/** Sends groups of rows, so many at one time, and keeps account of each row. Its owner settles and disposes it. */
export class RowSender implements AsyncDisposable {
  readonly outcomes = new Outcomes()
  rowsSent = 0
  /** Why nothing more is sent. */
  stopped: unknown
  readonly #transport: GraphqlTransport
  readonly #target: GraphqlTarget
  readonly #table: string
  readonly #signal: AbortSignal
  readonly #underWay = new Set<Promise<void>>()
  readonly #quarantine: Quarantine | undefined
  #bytesSent = 0

  constructor(transport: GraphqlTransport, target: GraphqlTarget, table: string, signal: AbortSignal) {
    this.#transport = transport
    this.#target = target
    this.#table = table
    this.#signal = signal
    const { quarantine } = target.write
    this.#quarantine = quarantine === undefined ? undefined : new Quarantine(quarantine)
  }

  /** A row as JSON; undefined for one with a value that its variable cannot hold, which counts as rejected. */
  encode(batch: Batch, row: number, number: number): EncodedRow | undefined {
    const key = this.#quarantine === undefined ? undefined : this.#keyOf(batch, row)
    try {
      return { number, text: this.#target.encode(batch, row), key }
    } catch (error) {
      if (!(error instanceof AirlockError) || error.code !== 'VALUE_REJECTED') throw error
      this.rowsSent++
      this.#note('rejected', [{ number, text: '', key }], error.code)
      return undefined
    }
  }

  /** Resolves when the request is on its way, which may be when another one has ended. */
  async send(group: RowGroup): Promise<void> {
    while (this.#underWay.size >= this.#target.concurrency) await Promise.race(this.#underWay)
    if (this.stopped !== undefined) return
    this.rowsSent += group.length
    const work = this.#request(group).finally(() => this.#underWay.delete(work))
    this.#underWay.add(work)
  }

  /** Resolves when no request is under way. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  receipt(rowsSent: number, waiting: number): WriteReceipt {
    const { written, rejected } = this.outcomes
    return {
      rowsSent: rowsSent + waiting,
      rowsConfirmed: written + waiting,
      rowsCounted: written + waiting,
      changes: { inserted: written + waiting, updated: 0, deleted: 0, unchanged: 0, duplicates: 0, rejected },
      bytesSent: this.#bytesSent,
      created: false,
      route: this.#target.write.rows === undefined ? 'mutation per row' : 'mutation per batch',
      policyCounts: {},
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle()
    await this.#quarantine?.close()
  }

  /** Never rejects: what became of the rows is in the outcomes. */
  async #request(group: RowGroup): Promise<void> {
    const { document, write } = this.#target
    const variables = this.#target.variables(group.map(({ text }) => text))
    const header = write.idempotencyHeader
    const headers = header === undefined ? {} : { [header]: this.#hash(variables) }
    try {
      const request = { document, variables, headers, repeatable: header !== undefined, wide: true }
      const { data } = await this.#transport.execute(request, this.#signal)
      this.#bytesSent += Buffer.byteLength(variables)
      const refused = this.#refusal(data, group.length)
      this.#note(refused ?? 'written', group, refused === undefined ? undefined : 'GRAPHQL_ERRORS')
    } catch (error) {
      const { outcome, final } = verdictOf(error)
      if (final) this.stopped ??= error
      this.#note(outcome, group, originOf(error))
    }
  }

  #refusal(data: ExactObject, rows: number): 'rejected' | 'unknown' | undefined {
    const { errors, count } = this.#target.write
    if (errors !== undefined) {
      const value = at(data, errors.split('.'))
      if (value === undefined) return 'unknown'
      const none = value.kind === 'null' || (value.kind === 'list' && value.items.length === 0)
      if (!none) return 'rejected'
    }
    if (count === undefined) return undefined
    const value = at(data, count.split('.'))
    if (value?.kind === 'number' && value.text === String(rows)) return undefined
    return value?.kind === 'number' && value.text === '0' ? 'rejected' : 'unknown'
  }

  /** The same rows of the same stream give the same text in every run. */
  #hash(variables: string): string {
    const hash = createHash('sha256')
    for (const part of [this.#table, this.#target.document, variables]) hash.update(part).update('\0')
    return hash.digest('hex')
  }

  #note(outcome: RowOutcome, group: RowGroup, origin: string | undefined): void {
    const numbers = group.map(({ number }) => number)
    this.outcomes.add(outcome, numbers, origin)
    const { maxRejected } = this.#target.write
    if (maxRejected !== undefined && this.outcomes.rejected > maxRejected) {
      this.stopped ??= new AirlockError('VALUE_REJECTED', { phase: 'write' })
    }
    if (outcome !== 'rejected' || this.#quarantine === undefined) return
    const rows = group.map(({ number, key = {} }) => ({ number, code: origin ?? 'GRAPHQL_ERRORS', key }))
    const written = this.#quarantine.add(rows).catch((error: unknown) => {
      this.stopped ??= error
    })
    const work = written.finally(() => this.#underWay.delete(work))
    this.#underWay.add(work)
  }

  #keyOf(batch: Batch, row: number): Readonly<Record<string, string>> {
    const cells = this.#target.keyColumns.map((index) => {
      const cell = batch.cell(row, index)
      return [batch.columns[index]!.name, cell === null ? '' : new TextDecoder().decode(cell)] as const
    })
    return Object.fromEntries(cells)
  }
}

/** Refusals of one request leave the others alone; everything else would happen to them as well. */
function verdictOf(error: unknown): Verdict {
  if (error instanceof GraphqlErrors) {
    const code = classifyGraphqlError(error)?.code
    const nothingDone = code === 'AUTH_FAILED' || code === 'RATE_LIMITED' || code === 'SERVER_STARTING'
    return nothingDone && !error.hasData ? { outcome: 'unsent', final: true } : { outcome: 'rejected', final: false }
  }
  if (error instanceof HttpError) {
    if ([400, 409, 413, 422].includes(error.status)) return { outcome: 'rejected', final: false }
    return { outcome: error.status < 500 ? 'unsent' : 'unknown', final: true }
  }
  // The connection was never there.
  const network = classifyNetworkError(error)?.code ?? (error instanceof AirlockError ? error.code : undefined)
  return { outcome: NEVER_SENT.has(network ?? '') ? 'unsent' : 'unknown', final: true }
}

const NEVER_SENT: ReadonlySet<string> = new Set([
  ...['HOST_NOT_FOUND', 'CONNECT_REFUSED', 'CONNECT_UNREACHABLE', 'RATE_LIMITED', 'AUTH_FAILED'],
  ...['TLS_UNTRUSTED', 'TLS_NAME_MISMATCH', 'TLS_EXPIRED', 'TLS_FAILED'],
])

function originOf(error: unknown): string | undefined {
  if (error instanceof AirlockError) return error.code
  const known = classifyGraphqlError(error) ?? classifyNetworkError(error)
  return known?.origin ?? known?.code
}
