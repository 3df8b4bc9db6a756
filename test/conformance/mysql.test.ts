import { mysql } from '../../src/drivers/index.js'
import { describeDriver, engineFixture } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { runner } from './runner.js'

describeWith(['mysql'], 'conformance', (on) => describeDriver(mysql, engineFixture(on.mysql), runner))
