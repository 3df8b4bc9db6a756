import { AirlockError } from '../errors/index.js'

/** Masks what is printed; until a workspace exists the rules alone apply. */
export interface TextMasker {
  text(text: string): string
  value(value: unknown): unknown
}

export interface OutputSettings {
  readonly json: boolean
  readonly quiet: boolean
  readonly color: boolean
}

/** The one way to print: data on stdout, people on stderr, everything through the masker. With `--json` stdout carries
 * exactly one envelope `{ok, data | error, meta}`. */
export class Output {
  readonly settings: OutputSettings
  #masker: TextMasker

  constructor(settings: OutputSettings, masker: TextMasker) {
    this.settings = settings
    this.#masker = masker
  }

  /** From now on the secrets of this masker are masked too. */
  use(masker: TextMasker): void {
    this.#masker = masker
  }

  /** The result of the command: `human` for people, `data` in the envelope of `--json`. */
  result(data: unknown, human: string, meta: Readonly<Record<string, unknown>> = {}): void {
    if (this.settings.json) this.#stdout(`${JSON.stringify({ ok: true, data: this.#masker.value(data), meta })}\n`)
    else if (human !== '') this.#stdout(this.#masker.text(`${human}\n`))
  }

  /** A result that is not complete: both what there is and why it is not all. */
  failedResult(data: unknown, human: string, error: object): void {
    if (this.settings.json) {
      const envelope = { ok: false, error: this.#masker.value(error), data: this.#masker.value(data), meta: {} }
      this.#stdout(`${JSON.stringify(envelope)}\n`)
    } else if (human !== '') this.#stdout(this.#masker.text(`${human}\n`))
  }

  /** A line about something that went wrong; also with `--quiet`, not with `--json`. */
  problem(line: string): void {
    if (!this.settings.json) this.#stderr(this.#masker.text(`${line}\n`))
  }

  /** A line for people; not with `--quiet` or `--json`. */
  note(line: string): void {
    if (!this.settings.quiet && !this.settings.json) this.#stderr(this.#masker.text(`${line}\n`))
  }

  /** One calm line with code, hint and ref, or the envelope. */
  error(error: AirlockError): void {
    const data = () => this.#masker.value(error.toJSON())
    if (this.settings.json) this.#stdout(`${JSON.stringify({ ok: false, error: data(), meta: {} })}\n`)
    else this.#stderr(this.#masker.text(`${errorLine(error)}\n`))
  }

  /** Replaces the line under the cursor; only on a terminal. */
  progress(line: string): void {
    process.stderr.write(`\r\u001b[2K${this.#masker.text(line)}`)
  }

  bold(text: string): string {
    return this.settings.color ? `\u001b[1m${text}\u001b[22m` : text
  }

  dim(text: string): string {
    return this.settings.color ? `\u001b[2m${text}\u001b[22m` : text
  }

  #stdout(text: string): void {
    process.stdout.write(text)
  }

  #stderr(text: string): void {
    process.stderr.write(text)
  }
}

/** What `errorLine` needs of an AirlockError, or of one that a report carries. */
export interface PrintableError {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly ref: string
  readonly origin?: string | undefined
  readonly connection?: string | undefined
}

/** `airlock: CODE (origin) at connection: message hint [ref …]` */
export function errorLine(error: PrintableError): string {
  const origin = error.origin === undefined ? '' : ` (${error.origin})`
  const connection = error.connection === undefined ? '' : ` at ${error.connection}`
  return `airlock: ${error.code}${origin}${connection}: ${error.message} ${error.hint} [ref ${error.ref}]`
}

/** What a command failed with, in Airlock's terms. */
export function asAirlockError(error: unknown): AirlockError {
  return error instanceof AirlockError ? error : new AirlockError('INTERNAL')
}
