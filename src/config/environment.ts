/** Environment variables by name, as `process.env` has them. */
export type Variables = Readonly<Record<string, string | undefined>>

/** What Airlock takes from its environment, apart from the variables that secret references name. */
export interface Environment {
  /** A copy of every variable, for `${env:NAME}`. Later changes to `process.env` do not reach it. */
  readonly variables: Variables
  /** `AIRLOCK_CONFIG`: the configuration file, where `--config` is not given. */
  readonly configFile: string | undefined
  /** `AIRLOCK_HOME`: replaces `home:` of the configuration; relative to the current folder. */
  readonly home: string | undefined
  /** `AIRLOCK_DEBUG`: masked records of native errors are kept. */
  readonly debug: boolean
  /** `NO_COLOR` (https://no-color.org): any value that is not empty turns colours off. */
  readonly noColor: boolean
  /** `AIRLOCK_SESSION`: the call of an agent that this command works for; records and events carry it. */
  readonly session: string | undefined
  /** `AIRLOCK_LIFELINE`: the fourth descriptor is a pipe that closes when whoever started this command is gone. */
  readonly lifeline: boolean
}

/** Reads the environment. This is the only place in Airlock that touches `process.env`; everything else is handed what
 * it needs from the result. An empty variable counts as absent. `1`, `true`, `yes` and `on` turn a switch on. */
export function readEnvironment(source: Variables = process.env): Environment {
  const variables = Object.freeze({ ...source })
  return {
    variables,
    configFile: variables['AIRLOCK_CONFIG'] || undefined,
    home: variables['AIRLOCK_HOME'] || undefined,
    debug: /^(1|true|yes|on)$/i.test(variables['AIRLOCK_DEBUG'] ?? ''),
    noColor: (variables['NO_COLOR'] ?? '') !== '',
    session: variables['AIRLOCK_SESSION'] || undefined,
    lifeline: variables['AIRLOCK_LIFELINE'] === '1',
  }
}
