import { afterAll, beforeAll } from 'vitest'
import { supabase } from '../../src/drivers/index.js'
import { describeDriver, type Pgbouncer } from '../../src/testing/index.js'
import { describePooled } from '../drivers/supabase-project.js'
import { describeWith } from '../setup/engines.js'
import { runner } from './runner.js'
import { directFixture, pooledFixture } from './supabase-fixture.js'

describeWith(['postgres'], 'the direct endpoint', (on) => describeDriver(supabase, directFixture(on.postgres), runner))

for (const [kind, pool_mode] of [
  ['session_pooler', 'session'],
  ['transaction_pooler', 'transaction'],
] as const) {
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
