/** What the sinks need of a masker: every value and every text passes through it, synchronously, before it can reach a
 * queue or a file. The masker of `db-airlock/masking` fits. A masker that throws costs the record its data, never its
 * secrecy. */
export interface EventMaskerPort {
  value(v: unknown): unknown
  text(s: string): string
}
