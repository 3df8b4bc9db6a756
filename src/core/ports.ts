import type { Phase } from '../errors/index.js'

/** Masks text and values before they leave the process. `createMasker()` of `db-airlock/masking` is one. */
export interface MaskerPort {
  text(text: string): string
  value(value: unknown): unknown
  /** From now on the value is masked wherever it turns up. */
  add(value: string): void
}

/** Where masked records of native errors go, under the ref of the AirlockError that replaced them. */
export interface DebugPort {
  record(entry: { readonly ref: string; readonly phase: Phase; readonly error: unknown }): void
}

/** Exact counters and events of a run. `Telemetry` of `db-airlock/sinks` is one. */
export interface TelemetryPort {
  add(counters: Readonly<Record<string, number>>): void
}

/** What a session is given by whoever opens it. All of it is optional: a driver stands alone. */
export interface SessionPorts {
  readonly masker?: MaskerPort
  readonly debug?: DebugPort
  readonly telemetry?: TelemetryPort
}
