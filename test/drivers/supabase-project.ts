import { randomBytes } from 'node:crypto'
import { describe, it } from 'vitest'
import type { supabase } from '../../src/drivers/index.js'
import { Secret } from '../../src/masking/secret.js'
import { findPgbouncer } from '../../src/testing/engines/binaries.js'
import { type Engine, type Pgbouncer, startPgbouncer, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

/** A database as a Supabase project would have it: its owner, and the login that a pooler tells tenants apart by. */
export interface Project {
  readonly ref: string
  readonly database: TestDatabase
  /** The user of the direct endpoint; poolers get `<user>.<ref>`. */
  readonly user: string
  readonly tenant: string
  drop(): Promise<void>
}

export async function makeProject(engine: Engine): Promise<Project> {
  const database = await engine.createDatabase('supa')
  const ref = randomBytes(10).toString('hex').replaceAll(/\d/g, 'x')
  const { user } = database
  const tenant = `${user}.${ref}`
  await database.exec(
    `CREATE ROLE "${tenant}" LOGIN PASSWORD '${database.password}' IN ROLE ${user};
     GRANT ALL ON SCHEMA public TO "${tenant}"`,
    'admin',
  )
  return {
    ref,
    database,
    user,
    tenant,
    async drop() {
      await engine.endSessions({ database: database.name })
      await database.exec(`DROP OWNED BY "${tenant}" CASCADE; DROP ROLE "${tenant}"`, 'admin')
      await database.drop()
    },
  }
}

type Settings = Parameters<typeof supabase.open>[0]
export type Endpoints = NonNullable<Settings['endpoints']>

/** Settings of a project as a user would write them. */
export function projectSettings(project: Project, endpoints: Endpoints, password = project.database.password) {
  return {
    project_ref: project.ref,
    database: project.database.name,
    user: project.user,
    password: new Secret(password, 'test'),
    connect_timeout_ms: 10_000,
    endpoints,
  } satisfies Settings
}

const program = await findPgbouncer()

/** A suite that needs Postgres and a PgBouncer in front of it; `start` gives one of its own. Where there is none, a
 * skipped test says what to install; AIRLOCK_REQUIRE_ENGINES with `pgbouncer` makes that a failure. */
export function describePooled(
  title: string,
  body: (engine: Engine, start: (settings?: Readonly<Record<string, string>>) => Promise<Pgbouncer>) => void,
): void {
  const missing = 'no pgbouncer; to install one: apt-get install pgbouncer'
  if (program !== undefined) {
    describeWith(['postgres'], title, ({ postgres }) => body(postgres, (settings) => startOne(postgres, settings)))
  } else if ((process.env['AIRLOCK_REQUIRE_ENGINES'] ?? '').includes('pgbouncer')) throw new Error(missing)
  else describe(title, () => it.runIf(false)(missing, () => undefined))
}

async function startOne(engine: Engine, settings?: Readonly<Record<string, string>>): Promise<Pgbouncer> {
  const pooler = await startPgbouncer(engine, settings)
  if (typeof pooler === 'string') throw new Error(pooler)
  return pooler
}
