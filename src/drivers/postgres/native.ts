import type { Socket } from 'node:net'
import type { Client, ClientConfig } from 'pg'
import { atMost } from '../../core/bounded.js'
import type { OpenContext } from '../../core/driver.js'
import { watchFirstBytes } from '../../core/first-bytes.js'
import { AirlockError } from '../../errors/index.js'
import type { PostgresConfig } from './config.js'
import { lossOrError, marked } from './errors.js'
import type { RowRead } from './read/row-read.js'
import { type RowHandler, RowTap } from './read/row-tap.js'
import { CopyIn } from './write/copy-in.js'

/** What the server says of one result column. */
export interface PgField {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  /** The column of a table that it shows, by oid and number; 0 and 0 for what is computed. */
  readonly tableOid?: number
  readonly columnNumber?: number
}

export interface PgResult {
  readonly rows: readonly (readonly (string | null)[])[]
  readonly fields: readonly PgField[]
  /** Rows that the statement returned or changed, by its command tag. */
  readonly affected: number
}

/** How long a statement waits for a cancel request that is on its way. */
const CANCEL_MS = 2000

/** One authenticated connection. The only place that knows pg. */
export class PostgresConnection {
  readonly processId: number
  readonly #client: Client
  #lost: unknown
  #cancelling: Promise<void> | undefined

  constructor(client: Client) {
    this.#client = client
    this.processId = (client as unknown as { processID: number }).processID
    client.on('error', (error) => {
      this.#lost ??= lossOrError(error)
    })
    client.on('end', () => {
      this.#lost ??= marked('AIRLOCK_LOST')
    })
  }

  /** False once the connection was lost. */
  get usable(): boolean {
    return this.#lost === undefined
  }

  /** Runs one statement and gives its rows as text. Values travel as parameters, never inside the text. */
  async query(text: string, values: readonly (string | number | null)[] = []): Promise<PgResult> {
    if (this.#cancelling !== undefined) await atMost(CANCEL_MS, this.#cancelling)
    if (this.#lost !== undefined) throw this.#lost
    const config = { text, rowMode: 'array' as const, types: { getTypeParser: () => asText } }
    const result = await this.#client
      .query(values.length === 0 ? config : { ...config, values: [...values] })
      .catch((error: unknown) => {
        throw lossOrError(error)
      })
    return {
      rows: result.rows as (string | null)[][],
      affected: result.rowCount ?? 0,
      fields: result.fields.map((field) => ({
        name: field.name,
        typeOid: field.dataTypeID,
        typeModifier: field.dataTypeModifier,
      })),
    }
  }

  /** Runs one statement by the extended protocol, which takes no second one, and hands over no more than `read.maxRows`
   * rows. Resolves when the server is ready for the next statement. */
  async readRows(read: RowRead): Promise<void> {
    if (this.#cancelling !== undefined) await atMost(CANCEL_MS, this.#cancelling)
    if (this.#lost !== undefined) throw this.#lost
    this.#client.query(read as never)
    await read.done
  }

  /** Starts `COPY … FROM STDIN`. */
  copyIn(text: string): CopyIn {
    const copy = new CopyIn(text)
    if (this.#lost !== undefined) copy.handleError(this.#lost)
    else this.#client.query(copy as never)
    return copy
  }

  /** Starts a statement whose rows are taken off the socket as they come. Its pace is set by `pause` and `resume`. */
  rows(text: string, kind: 'copy' | 'query', handler: RowHandler): RowTap {
    const tap = new RowTap(text, kind, handler)
    if (this.#lost !== undefined) tap.handleError(this.#lost)
    else this.#client.query(tap as never)
    return tap
  }

  /** Asks the server, over a connection of its own, to cancel what this one runs. The next statement waits for it: a
   * request still on its way would end that one instead. */
  async cancel(context: OpenContext, signal: AbortSignal): Promise<void> {
    const { processID, secretKey } = this.#client as unknown as { processID: number; secretKey: number }
    this.#cancelling ??= sendCancel(context, signal, processID, secretKey)
    try {
      await this.#cancelling
    } finally {
      this.#cancelling = undefined
    }
  }

  /** Says goodbye; resolves when the server has closed its side. */
  async end(): Promise<void> {
    if (this.#lost === undefined) await this.#client.end()
  }
}

/** Authenticates over the socket of the attempt. Rejects with pg's error, for `classify`. */
export async function connectPostgres(config: PostgresConfig, context: OpenContext): Promise<PostgresConnection> {
  if (config.user === undefined || config.database === undefined) {
    const at = config.user === undefined ? 'user' : 'database'
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at, problem: 'it is needed and not given' } })
  }
  const { Client } = await import('pg')
  const { tls, endpoint, socket } = context
  const name = tls?.serverName ?? (endpoint.kind === 'tcp' ? endpoint.host : 'localhost')
  const password = config.password
  let asked = false
  const options: ClientConfig & { readonly sslnegotiation: 'postgres' } = {
    // Every field is given: what is left out, pg takes from PG* variables and ~/.pgpass.
    host: name,
    port: endpoint.kind === 'tcp' ? endpoint.port : 5432,
    user: config.user,
    database: config.database,
    sslnegotiation: 'postgres',
    password: () => {
      asked = true
      if (password === undefined) throw marked('AIRLOCK_NO_PASSWORD')
      return password.reveal()
    },
    ssl: tls === undefined ? false : { ...tls.options, host: name },
    stream: () => connectedStream(socket),
    application_name: 'airlock',
    keepAlive: false,
  }
  const client = new Client(options)
  forgetEnvironment(client)
  if (tls === undefined) refuseCleartext(client, socket)
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('error', reject)
      socket.once('close', () => reject(marked('AIRLOCK_LOST')))
      watchTlsRefusal(socket, tls !== undefined, reject)
      if (tls === undefined) watchFirstBytes(socket, 5, opensConversation, () => reject(marked('AIRLOCK_PROTOCOL')))
      client.connect((error: Error | null | undefined) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    throw asked && isProtocolViolation(error) ? marked('AIRLOCK_PASSWORD') : error
  } finally {
    client.removeAllListeners('error')
    client.on('error', ignoreAfterConnect)
  }
  return new PostgresConnection(client)
}

/** What PgBouncer calls a wrong password, for want of a code of its own. */
function isProtocolViolation(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && 'code' in error && error.code === '08P01'
}

function ignoreAfterConnect(): void {
  // PostgresConnection listens too and remembers; a client without a listener would end the process.
}

/** pg calls `connect()` on the stream it is given; ours is connected already, so it is told so. */
function connectedStream(socket: Socket): Socket {
  socket.connect = () => {
    process.nextTick(() => socket.emit('connect'))
    return socket
  }
  return socket
}

/** pg fills empty parameters from PGOPTIONS, PGCLIENTENCODING and the like. */
function forgetEnvironment(client: Client): void {
  const { connectionParameters } = client as unknown as { connectionParameters: Record<string, unknown> }
  for (const name of ['options', 'replication', 'client_encoding', 'fallback_application_name']) {
    connectionParameters[name] = undefined
  }
}

/** A server may ask for the password in clear; without TLS everybody on the way would read it. */
function refuseCleartext(client: Client, socket: Socket): void {
  const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
  connection.prependListener('authenticationCleartextPassword', () => {
    socket.destroy()
    connection.emit('error', marked('AIRLOCK_CLEARTEXT'))
  })
}

/** A server's first message asks for authentication, negotiates the version or refuses, each in no more than 30 000 bytes;
 * https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-START-UP */
function opensConversation(first: Uint8Array): boolean {
  if (!'REv'.includes(String.fromCharCode(first[0]!))) return false
  return first.length < 5 || new DataView(first.buffer).getUint32(1) <= 30_000
}

/** A server without TLS answers the request with one byte, `N`, for which pg has only a text. */
function watchTlsRefusal(socket: Socket, wanted: boolean, reject: (error: Error) => void): void {
  if (!wanted) return
  socket.prependOnceListener('data', (chunk: Buffer) => {
    if (chunk[0] === 0x4e) reject(marked('AIRLOCK_TLS_REFUSED'))
    else if (chunk[0] !== 0x53) reject(marked('AIRLOCK_PROTOCOL'))
  })
}

async function sendCancel(context: OpenContext, signal: AbortSignal, pid: number, key: number): Promise<void> {
  const { Connection } = await import('pg')
  const socket = await context.dialAgain(signal)
  const { tls } = context
  const name = tls?.serverName ?? 'localhost'
  try {
    const connection = new Connection({
      stream: connectedStream(socket),
      ssl: tls === undefined ? false : { ...tls.options, host: name },
    } as never)
    const wire = connection as unknown as NodeJS.EventEmitter & {
      connect(port: number, host: string): void
      requestSsl(): void
      cancel(pid: number, key: number): void
    }
    const sent = new Promise<void>((resolve, reject) => {
      wire.on('error', reject)
      wire.on('end', resolve)
      if (tls === undefined) wire.once('connect', () => wire.cancel(pid, key))
      else {
        wire.once('connect', () => wire.requestSsl())
        wire.once('sslconnect', () => wire.cancel(pid, key))
      }
    })
    wire.connect(5432, name)
    await atMost(1000, sent)
  } finally {
    socket.destroy()
  }
}

function asText(value: string): string {
  return value
}
