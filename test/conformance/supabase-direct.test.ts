import { supabase } from '../../src/drivers/index.js'
import { describeDriver } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { runner } from './runner.js'
import { directFixture } from './supabase-fixture.js'

describeWith(['postgres'], 'the direct endpoint', (on) => describeDriver(supabase, directFixture(on.postgres), runner))
