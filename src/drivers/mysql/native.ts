import { createRequire } from 'node:module'
import type { Connection, ConnectionOptions, FieldPacket } from 'mysql2'
import type { OpenContext } from '../../core/driver.js'
import { watchFirstBytes } from '../../core/first-bytes.js'
import { isLoopback, serverNameIndication } from '../../core/tls.js'
import { AirlockError } from '../../errors/index.js'
import type { MysqlConfig } from './config.js'
import { opensHandshake, type PacketReceiver, refuseForeignPackets } from './foreign-packets.js'
import { type LocalFile, localFileStream, refuseFile } from './write/local-file.js'
import { isRefusal, submit, withoutText } from './write/statement-command.js'

/** What the server says of one result column. */
export interface WireField {
  readonly name: string
  readonly type: number
  readonly flags: number
  /** In bytes of the connection's character set for text. */
  readonly length: number
  readonly decimals: number
  readonly charset: number
  /** MariaDB's own name for a type that travels as a string, e.g. `uuid`; or `json`. */
  readonly extended: string | undefined
  /** What the server takes the column from; empty for what is computed. In a statement with derived tables it may be one of
   * these. */
  readonly origin?: { readonly schema: string; readonly table: string; readonly column: string }
}

/** Receives a streamed result. Rows come as the payload of the protocol's text row: length-encoded values. */
export interface RowHandler {
  row(buffer: Uint8Array, start: number, end: number): void
  end(): void
  fail(error: unknown): void
}

interface RowPacket {
  readonly buffer: Buffer
  readonly offset: number
  readonly end: number
  isEOF(): boolean
}

/** What the server says of a statement without rows. */
export interface StatementOutcome {
  readonly affectedRows: number
  readonly warnings: number
}

/** The parts of mysql2's query command that the row hook relies on. */
interface QueryCommand {
  row(packet: RowPacket, connection: unknown): unknown
  on(event: 'error', listener: (error: unknown) => void): void
  on(event: 'end', listener: () => void): void
  on(event: 'result', listener: (row: readonly (Buffer | null)[]) => void): void
}

/** One authenticated connection. The only place that knows mysql2. */
export class MysqlConnection {
  readonly threadId: number
  readonly mariadb: boolean
  #connection: Connection
  #lost: unknown
  #ended = false
  /** Whoever waits for something else than an answer, and has to hear that the connection is gone. */
  #waiting = new Set<(error: unknown) => void>()
  #onLost: ((error: unknown) => void) | undefined
  /** Whether rows are taken from mysql2's packets directly; otherwise through its public `typeCast: false`. */
  #hook: boolean

  constructor(connection: Connection, rowHook: boolean) {
    this.#connection = connection
    this.#hook = rowHook
    this.threadId = connection.threadId ?? 0
    this.mariadb = (connection as unknown as { _isMariaDB?: boolean })._isMariaDB === true
    connection.on('error', (error) => this.#lose(error))
    connection.on('end', () => this.#lose(lostConnection()))
  }

  /** False once the connection was lost. */
  get usable(): boolean {
    return this.#lost === undefined && !this.#ended
  }

  /** Settles like `work`, or rejects as soon as the connection is lost or closed. */
  async whileUsable<T>(work: Promise<T>): Promise<T> {
    let leave: (error: unknown) => void = () => undefined
    const lost = new Promise<never>((_, reject) => {
      leave = reject
    })
    if (this.usable) this.#waiting.add(leave)
    else leave(this.#lost ?? lostConnection())
    try {
      return await Promise.race([work, lost])
    } finally {
      this.#waiting.delete(leave)
    }
  }

  /** Runs a statement that gives no rows. Its text may hold values: it stays out of the client's tracing channel, and the
   * error keeps nothing but its number. With `file` the statement is LOAD DATA LOCAL, and this is the only file that the
   * server may ask for. */
  execute(sql: string, file?: LocalFile): Promise<StatementOutcome> {
    return new Promise((resolve, reject) => {
      if (!this.usable) return reject(this.#lost ?? lostConnection())
      this.#onLost = reject
      const options = { sql, ...(file === undefined ? {} : { infileStreamFactory: localFileStream(file) }) }
      submit(this.#connection, options, (error, header) => {
        this.#onLost = undefined
        if (error !== null) {
          // mysql2 tells only one of the command and the connection that the connection is gone.
          if (!isRefusal(error)) this.#lose(error)
          return reject(withoutText(error))
        }
        resolve({ affectedRows: header?.affectedRows ?? 0, warnings: header?.warningStatus ?? 0 })
      })
    })
  }

  /** Runs a statement of ours and gives all its rows as text. For catalogue and control statements only. */
  query(sql: string): Promise<{ rows: readonly (readonly (string | null)[])[]; fields: readonly WireField[] }> {
    return new Promise((resolve, reject) => {
      if (!this.usable) return reject(this.#lost ?? lostConnection())
      this.#onLost = reject
      this.#connection.query<never>(
        { sql, rowsAsArray: true, typeCast: (field) => field.string('utf8') },
        (error, rows, fields) => {
          this.#onLost = undefined
          if (error !== null) return reject(error)
          resolve({ rows: Array.isArray(rows) ? rows : [], fields: (fields ?? []).map(wireField) })
        },
      )
    })
  }

  /** Has the server parse a statement, alone, without running it: the columns that it would give, none for one that gives
   * no rows, and how many parameters it has. */
  prepare(sql: string): Promise<{ readonly fields: readonly WireField[]; readonly parameters: number }> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost)
      this.#onLost = reject
      this.#connection.prepare(sql, (error, statement) => {
        this.#onLost = undefined
        if (error !== null) return reject(error)
        const { columns, parameters } = statement as unknown as { columns: FieldPacket[]; parameters: unknown[] }
        this.#connection.unprepare(sql)
        resolve({ fields: columns.map(wireField), parameters: parameters.length })
      })
    })
  }

  /** COM_RESET_CONNECTION: the session becomes as it was after authentication. */
  reset(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost)
      this.#onLost = reject
      this.#connection.reset((error) => {
        this.#onLost = undefined
        if (error) reject(error)
        else resolve()
      })
    })
  }

  /** Streams a result to `handler`; exactly one of its `end` and `fail` is called. */
  stream(sql: string, handler: RowHandler): void {
    if (this.#lost !== undefined) {
      handler.fail(this.#lost)
      return
    }
    let settled = false
    const settle = (finish: () => void): void => {
      if (settled) return
      settled = true
      this.#onLost = undefined
      finish()
    }
    // mysql2 does not tell a command without a callback that the connection died under it.
    this.#onLost = (error) => settle(() => handler.fail(error))
    const command = this.#connection.query({ sql, rowsAsArray: true, typeCast: false }) as unknown as QueryCommand
    command.on('error', (error) => settle(() => handler.fail(error)))
    command.on('end', () => settle(() => handler.end()))
    if (this.#hook) hookRows(command, handler)
    else command.on('result', (row) => emitEncoded(row, handler))
  }

  pause(): void {
    this.#socket().pause()
  }

  resume(): void {
    this.#socket().resume()
  }

  /** Says goodbye; resolves when the server has closed its side. */
  end(): Promise<void> {
    if (this.#lost !== undefined) return Promise.resolve()
    this.#ended = true
    this.#leave(lostConnection())
    const running = this.#onLost
    return new Promise((resolve) => {
      this.#onLost = (error) => {
        running?.(error)
        resolve()
      }
      this.#connection.end(() => resolve())
    })
  }

  #socket(): { pause(): void; resume(): void } {
    return (this.#connection as unknown as { stream: { pause(): void; resume(): void } }).stream
  }

  #lose(error: unknown): void {
    this.#lost ??= error
    const notify = this.#onLost
    this.#onLost = undefined
    notify?.(error)
    this.#leave(error)
  }

  #leave(error: unknown): void {
    for (const reject of this.#waiting) reject(error)
    this.#waiting.clear()
  }
}

/** Authenticates over the socket of the attempt. Rejects with mysql2's error, for `classify`. With `rowHook: false` rows
 * come through the client's public interface only, at about half the speed. */
export async function connectMysql(
  config: MysqlConfig,
  context: OpenContext,
  native: { readonly rowHook: boolean },
): Promise<MysqlConnection> {
  const mysql2 = await import('mysql2')
  const { tls, endpoint } = context
  if (tls?.mode === 'verify-full' && serverNameIndication(tls) === undefined) {
    // mysql2 checks no name where the host is an address.
    throw new AirlockError('TLS_NAME_MISMATCH', { phase: 'connect' })
  }
  const refusal = { keyRefused: false }
  const options: ConnectionOptions = {
    host: tls?.serverName ?? (endpoint.kind === 'tcp' ? endpoint.host : 'localhost'),
    stream: () => context.socket,
    // The attempt owns the deadline.
    connectTimeout: 0,
    charset: 'utf8mb4',
    disableEval: true,
    trace: false,
    connectAttributes: { program_name: 'airlock' },
    // A server may ask for any file of this machine. Sessions that never load do not even offer to send one; in others no
    // file is sent but the one in memory that a load has named.
    ...(config.read_only ? { flags: ['-LOCAL_FILES'] } : {}),
    infileStreamFactory: refuseFile,
    authPlugins: refuseForeignKeys(mysql2, context, refusal),
    ...(config.user === undefined ? {} : { user: config.user }),
    ...(config.password === undefined ? {} : { password: config.password.reveal() }),
    ...(config.database === undefined ? {} : { database: config.database }),
    ...(tls === undefined ? {} : { ssl: sslOptions(tls) }),
  }
  const connection = mysql2.createConnection(options)
  // One error may follow another when the socket is destroyed; one that nobody listens to would end the process.
  connection.on('error', ignoreLaterError)
  refuseForeignPackets(connection as unknown as PacketReceiver)
  try {
    await new Promise<void>((resolve, reject) => {
      watchFirstBytes(context.socket, 5, opensHandshake, () => reject(protocolError()))
      connection.once('connect', () => resolve())
      connection.once('error', reject)
      context.socket.once('close', () => reject(lostConnection()))
    })
  } catch (error) {
    if (refusal.keyRefused) throw new AirlockError('CLEARTEXT_REFUSED', { phase: 'connect' })
    throw tlsError(connection) ?? error
  } finally {
    forgetPassword(connection)
  }
  return new MysqlConnection(connection, native.rowHook && hasRowHook(connection))
}

function ignoreLaterError(): void {
  // The attempt has failed with the first one; an open connection has a listener that remembers.
}

/** Over a link without TLS, these plugins encrypt the password with whatever key the other side sends: to whoever sits in
 * between that is as good as in clear. On loopback nobody does. */
function refuseForeignKeys(
  { authPlugins }: typeof import('mysql2'),
  { tls, endpoint }: OpenContext,
  refusal: { keyRefused: boolean },
): NonNullable<ConnectionOptions['authPlugins']> {
  if (tls !== undefined || endpoint.kind === 'unix' || isLoopback(endpoint.host)) return {}
  const onServerPublicKey = () => {
    refusal.keyRefused = true
    throw new Error('refused')
  }
  return {
    caching_sha2_password: authPlugins.caching_sha2_password({ onServerPublicKey }),
    sha256_password: authPlugins.sha256_password({ onServerPublicKey }),
  }
}

function sslOptions(tls: NonNullable<OpenContext['tls']>): NonNullable<ConnectionOptions['ssl']> {
  const { ca, cert, key, rejectUnauthorized } = tls.options
  return {
    ...(ca === undefined ? {} : { ca: ca as string }),
    ...(cert === undefined ? {} : { cert: cert as string }),
    ...(key === undefined ? {} : { key: key as string }),
    rejectUnauthorized: rejectUnauthorized !== false,
    verifyIdentity: tls.mode === 'verify-full',
  }
}

/** mysql2 replaces the code of a TLS error by its own; the secure socket still knows why. */
function tlsError(connection: Connection): { code: string } | undefined {
  const { stream } = connection as unknown as { stream?: { authorizationError?: unknown } }
  const code = stream?.authorizationError
  return typeof code === 'string' ? { code } : undefined
}

/** The password is only needed for the handshake; what stays in the client's config can be printed. */
function forgetPassword(connection: Connection): void {
  const { config } = connection as unknown as { config: { password?: string; ssl?: { key?: unknown } } }
  delete config.password
  if (config.ssl) delete config.ssl.key
}

function protocolError(): Error {
  return Object.assign(new Error('another protocol'), { code: 'PROTOCOL_ERROR' })
}

function lostConnection(): Error {
  return Object.assign(new Error('connection lost'), { code: 'PROTOCOL_CONNECTION_LOST' })
}

/** Whether this mysql2 has the internals that the row hook was written against. */
function hasRowHook(connection: Connection): boolean {
  const { version } = createRequire(import.meta.url)('mysql2/package.json') as { version: string }
  const parser = (connection as unknown as { packetParser?: { onPacket?: unknown } }).packetParser
  return /^3\.(2[4-9]|[3-9]\d)\./.test(version) && typeof parser?.onPacket === 'function'
}

/** Replaces the state function of this one command that handles row packets. */
function hookRows(command: QueryCommand, handler: RowHandler): void {
  const original = command.row
  const onRow = (packet: RowPacket, connection: unknown): unknown => {
    if (packet.isEOF()) return original.call(command, packet, connection)
    handler.row(packet.buffer, packet.offset, packet.end)
    return onRow
  }
  command.row = onRow
}

/** The public interface gives a row as buffers; the packer wants the wire's form. */
function emitEncoded(row: readonly (Buffer | null)[], handler: RowHandler): void {
  const parts: Buffer[] = []
  for (const value of row) {
    if (value === null) parts.push(Buffer.from([0xfb]))
    else parts.push(lengthPrefix(value.length), value)
  }
  const buffer = Buffer.concat(parts)
  handler.row(buffer, 0, buffer.length)
}

function lengthPrefix(length: number): Buffer {
  if (length < 0xfb) return Buffer.from([length])
  const prefix = Buffer.alloc(9)
  prefix[0] = 0xfe
  prefix.writeBigUInt64LE(BigInt(length), 1)
  return prefix
}

function wireField(field: FieldPacket): WireField {
  const raw = field as unknown as {
    name: string
    columnType: number
    flags: number
    columnLength: number
    decimals: number
    characterSet: number
    extendedTypeName?: string
    extendedFormat?: string
    schema: string
    orgTable: string
    orgName: string
  }
  return {
    name: raw.name,
    type: raw.columnType,
    flags: raw.flags,
    length: raw.columnLength,
    decimals: raw.decimals,
    charset: raw.characterSet,
    extended: raw.extendedTypeName ?? raw.extendedFormat,
    origin: { schema: raw.schema, table: raw.orgTable, column: raw.orgName },
  }
}
