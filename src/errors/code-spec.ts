/** The closed table of everything that can go wrong. Text lives here and nowhere else: an error's message is built
 * from its row and from names in the user's own configuration, never from what a server or a library said. */
export interface CodeSpec {
  /** One sentence. `{name}` is filled from the error's `params`. */
  readonly message: string
  /** What a person does next. */
  readonly hint: string
  /** Process exit code: 1 internal, 2 usage, 3 connect, 4 policy, 5 query or write, 6 partial, 7 verification,
   * 124 deadline, 130/143 signals. */
  readonly exitCode: ExitCode
  /** Whether the same request may succeed when nothing but time has changed. */
  readonly retryable: boolean
}

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 124 | 130 | 143

/** One row of the table of codes. */
export const row = (exitCode: ExitCode, message: string, hint: string, retryable = false): CodeSpec => ({
  exitCode,
  message,
  hint,
  retryable,
})
