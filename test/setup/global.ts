import type { TestProject } from 'vitest/node'
import { type EngineFacts, type EngineName, factsOf, isMissing, startEngine } from '../../src/testing/engines/index.js'
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

/** Builds the command line and finds or starts both engines once for the whole run; what it started is stopped at the end.
 * AIRLOCK_REQUIRE_ENGINES (names, separated by commas) turns the lack of one into a failure. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started: (() => PromiseLike<void>)[] = []
  const stop = async () => {
    await Promise.all(started.map((end) => end()))
  }
  const start = async (name: EngineName) => {
    const engine = await startEngine(name)
    if (!isMissing(engine)) started.push(() => engine.stop())
    return engine
  }
  const build = async () => {
    const built = await buildCli()
    started.push(() => built[Symbol.asyncDispose]())
    return built
  }
  const [mysql, postgres, cli] = await Promise.allSettled([start('mysql'), start('postgres'), build()])
  if (mysql.status === 'rejected' || postgres.status === 'rejected' || cli.status === 'rejected') {
    await stop()
    throw [mysql, postgres, cli].find((outcome) => outcome.status === 'rejected')!.reason
  }
  const required = (process.env['AIRLOCK_REQUIRE_ENGINES'] ?? '').split(',').map((name) => name.trim())
  const lacking: string[] = []
  const offer = (found: typeof mysql.value): EngineOffer => {
    if (!isMissing(found)) return { facts: factsOf(found) }
    const missing = `no ${found.engine} (${found.reasons.join('; ')}); to install one: ${found.hint}`
    if (required.includes(found.engine)) lacking.push(missing)
    else process.stderr.write(`Suites are skipped: ${missing}\n`)
    return { missing }
  }
  project.provide('engines', { mysql: offer(mysql.value), postgres: offer(postgres.value) })
  project.provide('cli', cli.value.bin)
  if (lacking.length > 0) {
    await stop()
    throw new Error(`AIRLOCK_REQUIRE_ENGINES is set and there is ${lacking.join(' and ')}`)
  }
  return stop
}
