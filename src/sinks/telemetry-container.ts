import { AirlockError } from '../errors/index.js'
import { Telemetry, type TelemetryOptions } from './telemetry.js'

/** Where the process's telemetry is found, also when this package is loaded twice (ESM and `require()`). */
const CONTAINER = Symbol.for('db-airlock.telemetry.v1')

interface Container {
  readonly telemetry: Telemetry
  readonly options: TelemetryOptions
}

/** The one telemetry of this process: the first call creates it, synchronously, and later ones get the same object. For
 * programs without a composition root of their own. Throws CONFIG_INVALID when called with other settings while it runs,
 * or without settings before it was created. */
export function getTelemetry(options?: TelemetryOptions): Telemetry {
  const holder = globalThis as { [CONTAINER]?: Container }
  const existing = holder[CONTAINER]
  if (existing !== undefined && !existing.telemetry.stopped) {
    if (options !== undefined && !sameOptions(existing.options, options)) throw refused('it runs with other settings')
    return existing.telemetry
  }
  if (options === undefined) throw refused('it was not created yet')
  const telemetry = Telemetry.open(options)
  holder[CONTAINER] = { telemetry, options: { ...options } }
  return telemetry
}

function sameOptions(a: TelemetryOptions, b: TelemetryOptions): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof TelemetryOptions>
  return [...names].every((name) => a[name] === b[name])
}

function refused(problem: string): AirlockError {
  return new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: 'telemetry', problem } })
}
