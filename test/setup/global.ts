import type { TestProject } from 'vitest/node'
import {
  type Engine,
  type EngineFacts,
  type EngineName,
  factsOf,
  isMissing,
  startEngine,
} from '../../src/testing/engines/index.js'
import { buildCli } from './built-cli.js'

/** An engine's facts, or the line that says why its suites are skipped. */
export type EngineOffer = { readonly facts: EngineFacts } | { readonly missing: string }

declare module 'vitest' {
  export interface ProvidedContext {
    engines: Record<EngineName, EngineOffer>
    /** The file that starts the command line, built from the sources. */
    cli: string
  }
}

/** Builds the command line and finds or starts both engines once for the whole run; what it started is stopped at the end. AIRLOCK_REQUIRE_ENGINES
 * (names, separated by commas) turns the lack of one into a failure. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [mysql, postgres, cli] = await Promise.all([startEngine('mysql'), startEngine('postgres'), buildCli()])
  const started: Engine[] = []
  const required = (process.env['AIRLOCK_REQUIRE_ENGINES'] ?? '').split(',').map((name) => name.trim())
  const lacking: string[] = []
  const offer = (found: typeof mysql): EngineOffer => {
    if (!isMissing(found)) {
      started.push(found)
      return { facts: factsOf(found) }
    }
    const missing = `no ${found.engine} (${found.reasons.join('; ')}); to install one: ${found.hint}`
    if (required.includes(found.engine)) lacking.push(missing)
    else process.stderr.write(`Suites are skipped: ${missing}\n`)
    return { missing }
  }
  project.provide('engines', { mysql: offer(mysql), postgres: offer(postgres) })
  project.provide('cli', cli.bin)
  const stop = async () => {
    await Promise.all([cli[Symbol.asyncDispose](), ...started.map((engine) => engine.stop())])
  }
  if (lacking.length > 0) {
    await stop()
    throw new Error(`AIRLOCK_REQUIRE_ENGINES is set and there is ${lacking.join(' and ')}`)
  }
  return stop
}
