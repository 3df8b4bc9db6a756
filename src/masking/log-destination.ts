import type { Masker } from './masker.js'

/** What a logger writes its finished lines to: a stream, or pino's destination. */
export interface LineDestination {
  write(line: string): unknown
  /** Writes what is still buffered; loggers call it when the process ends. */
  flushSync?(): void
}

/** A destination whose every line went through the masker, ready as the second argument of `pino()`. The line is masked when
 * it is complete, so nothing that a serializer, a formatter or a child logger adds later gets around it. Give the logger
 * `formatters: { log: (object) => masker.value(object) }` too: there, keys say what is secret before it is text. */
export function maskLines(masker: Pick<Masker, 'text'>, destination: LineDestination): LineDestination {
  return {
    write: (line) => destination.write(masker.text(line)),
    flushSync: () => destination.flushSync?.(),
  }
}
