import { afterAll, beforeAll } from 'vitest'
import { supabase } from '../../src/drivers/index.js'
import { describeDriver, type Pgbouncer } from '../../src/testing/index.js'
import { describePooled } from '../drivers/supabase-project.js'
import { runner } from './runner.js'
import { pooledFixture } from './supabase-fixture.js'

/** The suites against one kind of pooler: each in a file of its own, since each takes minutes. */
export function conformPooled(kind: 'session_pooler' | 'transaction_pooler', pool_mode: string): void {
  describePooled(`a ${kind}`, (engine, start) => {
    let pooler: Pgbouncer
    beforeAll(async () => {
      pooler = await start({ pool_mode, default_pool_size: '10', admin_users: engine.admin.user })
    })
    afterAll(() => pooler.stop())
    describeDriver(
      supabase,
      pooledFixture(engine, () => pooler, kind),
      runner,
    )
  })
}
