import type { TestProject } from 'vitest/node'
import { startContainer } from '../../src/testing/engines/container-engine.js'
import { type Engine, type EngineName, factsOf } from '../../src/testing/engines/index.js'

declare module 'vitest' {
  export interface ProvidedContext {
    images: Record<EngineName, string>
  }
}

const POSTGRES = process.env['AIRLOCK_TEST_POSTGRES_IMAGE'] || 'postgres:17'
/** The images of each project in vitest.config.ts. */
const IMAGES: Record<string, Record<EngineName, string>> = {
  mysql: { mysql: process.env['AIRLOCK_TEST_MYSQL_IMAGE'] || 'mysql:8.4', postgres: POSTGRES },
  mariadb: { mysql: process.env['AIRLOCK_TEST_MARIADB_IMAGE'] || 'mariadb:11', postgres: POSTGRES },
}

/** Starts both engines of a project in containers, and fails where that cannot be done: nothing else takes their place. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const images = IMAGES[project.name]
  if (images === undefined) throw new Error(`no images are named for the project ${project.name}`)
  const started: Engine[] = []
  const stop = async () => {
    await Promise.all(started.map((engine) => engine.stop()))
  }
  const start = async (name: EngineName) => {
    const engine = await startContainer(name, {}, images[name])
    if (typeof engine === 'string') throw new Error(engine)
    started.push(engine)
    process.stdout.write(`${project.name}: ${engine.version} in ${images[name]}\n`)
    return { facts: factsOf(engine) }
  }
  const [mysql, postgres] = await Promise.allSettled([start('mysql'), start('postgres')])
  if (mysql.status === 'fulfilled' && postgres.status === 'fulfilled') {
    project.provide('engines', { mysql: mysql.value, postgres: postgres.value })
    project.provide('images', images)
    return stop
  }
  await stop()
  const reasons = [mysql, postgres].flatMap((outcome) =>
    outcome.status === 'rejected' ? [(outcome.reason as Error).message] : [],
  )
  throw new Error(`containers for ${project.name}: ${reasons.join('; ')}`)
}
