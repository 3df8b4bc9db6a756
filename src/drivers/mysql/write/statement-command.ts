/** What mysql2 knows of the server's OK packet. */
interface OkPacket {
  readonly affectedRows?: number
  readonly warningStatus?: number
}

type Callback = (error: Error | null, header?: OkPacket) => void

/** The parts of mysql2's connection by which a statement is sent without telling its tracing channel the text. */
interface Commands {
  query(options: object, callback: Callback): unknown
  addCommand?(command: unknown): void
  readonly constructor: {
    createQuery?(options: object, values: undefined, callback: Callback, config: unknown): unknown
  }
  readonly config: unknown
}

/** Sends a statement whose text holds values over a connection of mysql2. `query()` would publish it on
 * `diagnostics_channel`, where tracing tools pick it up; where mysql2 no longer has what is used here instead, `query()` has
 * to do. */
export function submit(connection: object, options: { readonly sql: string }, callback: Callback): void {
  const commands = connection as Commands
  const { createQuery } = commands.constructor
  if (commands.addCommand === undefined || createQuery === undefined) {
    commands.query(options, callback)
    return
  }
  commands.addCommand(createQuery.call(commands.constructor, options, undefined, callback, commands.config))
}

/** The error without its message and its statement, both of which hold values. */
export function withoutText(error: Error & { errno?: unknown; code?: unknown }): Error {
  const { errno, code } = error
  if (typeof errno !== 'number' && typeof code !== 'string') return error
  return Object.assign(new Error('refused'), { errno, code })
}

/** Whether the server has refused a statement and goes on; anything else is the end of the connection. */
export function isRefusal(error: Error & { errno?: unknown }): boolean {
  return typeof error.errno === 'number' && error.errno > 0
}
