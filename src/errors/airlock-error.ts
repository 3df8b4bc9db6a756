import { randomBytes } from 'node:crypto'
import { CODES, type ErrorCode, type ExitCode } from './codes.js'

/** The step of a run in which an error was caught. */
export type Phase =
  | 'config'
  | 'plan'
  | 'connect'
  | 'extract'
  | 'mask'
  | 'write'
  | 'verify'
  | 'discover'
  | 'query'
  | 'close'
  | 'audit'
  | 'remote'
  | 'cache'
  | 'run'

export interface AirlockErrorOptions {
  readonly phase?: Phase
  /** SQLSTATE or errno name from the allow-list, e.g. `23505` or `ECONNREFUSED`. */
  readonly origin?: string
  /** Fills the `{name}` places of the message: names from the user's own configuration or closed vocabularies,
   * never data, hosts, SQL or text of another error. */
  readonly params?: Readonly<Record<string, string | number>>
  /** How many connection attempts were made; said in the message when there were several. */
  readonly attempts?: number
  /** Reuse the ref under which a debug record was written. */
  readonly ref?: string
}

/** An AirlockError as `--json`, reports and replies carry it. */
export interface AirlockErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  readonly exit_code: ExitCode
  readonly retryable: boolean
  readonly phase?: Phase
  readonly origin?: string
  readonly connection?: string
  readonly ref: string
}

/** The one error class of Airlock. Every field is safe to print: message and hint come from the table in `codes.ts`.
 * It never has a `cause`: the underlying error is written, masked, to the debug sink under the same `ref`. */
export class AirlockError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly exitCode: ExitCode
  readonly retryable: boolean
  readonly phase: Phase | undefined
  readonly origin: string | undefined
  readonly ref: string
  #connection: string | undefined

  constructor(code: ErrorCode, options: AirlockErrorOptions = {}) {
    const spec = CODES[code]
    const attempts = (options.attempts ?? 1) > 1 ? ` (${options.attempts} attempts)` : ''
    super(fill(spec.message, options.params ?? {}) + attempts)
    this.name = 'AirlockError'
    this.code = code
    this.hint = spec.hint
    this.exitCode = spec.exitCode
    this.retryable = spec.retryable
    this.phase = options.phase
    this.origin = options.origin
    this.ref = options.ref ?? newRef()
  }

  /** The error that another thread of this process has told of. */
  static fromJSON({ code, message, phase, origin, connection, ref }: AirlockErrorData): AirlockError {
    const known = new AirlockError(code, {
      ref,
      ...(phase === undefined ? {} : { phase }),
      ...(origin === undefined ? {} : { origin }),
    })
    known.message = message
    return known.attribute(connection)
  }

  /** The name of the connection at fault, as the user's own configuration calls it. */
  get connection(): string | undefined {
    return this.#connection
  }

  /** Says which connection was at fault; the first to say so is nearest to the cause. */
  attribute(connection: string | undefined): this {
    this.#connection ??= connection
    return this
  }

  /** The shape that `--json`, reports and MCP replies carry. */
  toJSON(): AirlockErrorData {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      exit_code: this.exitCode,
      retryable: this.retryable,
      ...(this.phase === undefined ? {} : { phase: this.phase }),
      ...(this.origin === undefined ? {} : { origin: this.origin }),
      ...(this.#connection === undefined ? {} : { connection: this.#connection }),
      ref: this.ref,
    }
  }
}

/** A short random id that links an error, its debug record and its lines in audit and telemetry. */
export function newRef(): string {
  return randomBytes(6).toString('hex')
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) =>
    String(params[name] ?? (name === 'suggestion' ? '' : name)),
  )
}
