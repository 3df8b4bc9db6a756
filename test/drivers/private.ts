import { findEmbeddedPostgres, findMysql, findPostgres } from '../../src/testing/engines/binaries.js'
import { type Engine, type EngineName, type EngineOptions, isMissing, startEngine } from '../../src/testing/index.js'

/** Whether this machine has the binaries for a server that may be killed or given bad certificates. */
export const canStart: Readonly<Record<EngineName, boolean>> = {
  mysql: (await findMysql()) !== undefined,
  postgres: ((await findPostgres()) ?? (await findEmbeddedPostgres())) !== undefined,
}

/** A private server; its starter stops it. */
export async function startPrivate(name: EngineName, options: EngineOptions = {}): Promise<Engine> {
  const started = await startEngine(name, { ...options, binaryOnly: true })
  if (isMissing(started)) throw new Error(started.reasons.join('; '))
  return started
}
