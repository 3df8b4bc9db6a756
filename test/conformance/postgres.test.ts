import { postgres } from '../../src/drivers/index.js'
import { describeDriver, engineFixture } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { runner } from './runner.js'

describeWith(['postgres'], 'conformance', (on) => describeDriver(postgres, engineFixture(on.postgres), runner))
