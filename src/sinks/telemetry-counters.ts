/** Every counter there is. Integers; names that end in `_us` are durations in microseconds. The part after the blank line
 * counts the values to which a policy was applied; `policy_other` those of policies that only their driver knows. */
export const COUNTERS = [
  'rows_read',
  'rows_masked',
  'rows_sent',
  'rows_written',
  'rows_rejected',
  'bytes_read',
  'bytes_written',
  'batches',
  'cells_masked',
  'connections_opened',
  'connections_closed',
  'connections_failed',
  'statements',
  'retries',
  'errors',
  'runs_started',
  'runs_completed',
  'runs_failed',
  'streams_started',
  'streams_completed',
  'streams_failed',
  'verifications_passed',
  'verifications_failed',
  'sandboxes_opened',
  'sandboxes_closed',
  'agent_calls',
  'agent_calls_completed',
  'agent_calls_failed',
  'cleanups_failed',
  'events_emitted',
  'events_dropped',
  'connect_us',
  'read_us',
  'mask_us',
  'write_us',
  'verify_us',
  'run_us',
  'agent_us',

  'zero_dates',
  'partial_zero_dates',
  'nul_bytes',
  'invalid_utf8',
  'out_of_range',
  'time_beyond_day',
  'truncated_values',
  'nan_values',
  'infinite_values',
  'bit_values',
  'geometry_values',
  'json_repaired',
  'empty_enums',
  'policy_other',
] as const

export type CounterName = (typeof COUNTERS)[number]

/** Amounts to add, by counter. */
export type CounterDelta = { readonly [Name in CounterName]?: number }

/** All counters at one moment. `version` rises with every change. */
export type TelemetrySnapshot = Readonly<Record<CounterName, number>> & { readonly version: number }

/** A fresh set of counters at zero. */
export function zeroCounters(): Record<CounterName, number> {
  return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<CounterName, number>
}
