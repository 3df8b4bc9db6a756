import { defineDriver } from '../../src/core/define-driver.js'
import { mysqlSpec } from '../../src/drivers/mysql/spec.js'
import { describeDriver, engineFixture } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { runner } from './runner.js'

/** Rows through the client library's public interface only. */
const driver = defineDriver(mysqlSpec({ rowHook: false }))

describeWith(['mysql'], 'conformance without the row hook', (on) =>
  describeDriver(driver, engineFixture(on.mysql), runner),
)
