import { expect, test } from 'vitest'
import { readEnvironment } from '../../src/config/environment.js'

test('takes the few variables that Airlock knows', () => {
  const environment = readEnvironment({
    AIRLOCK_CONFIG: 'a.yaml',
    AIRLOCK_HOME: 'h',
    AIRLOCK_DEBUG: '1',
    NO_COLOR: '0',
  })
  expect(environment).toMatchObject({ configFile: 'a.yaml', home: 'h', debug: true, noColor: true })
})

test('an empty variable counts as absent', () => {
  const environment = readEnvironment({ AIRLOCK_CONFIG: '', AIRLOCK_HOME: '', AIRLOCK_DEBUG: '', NO_COLOR: '' })
  expect(environment).toMatchObject({ configFile: undefined, home: undefined, debug: false, noColor: false })
})

test.each([
  ['true', true],
  ['ON', true],
  ['0', false],
  ['false', false],
  ['other', false],
])('AIRLOCK_DEBUG=%s is %s', (value, debug) => {
  expect(readEnvironment({ AIRLOCK_DEBUG: value }).debug).toBe(debug)
})

test('reads the environment of the process once and keeps its own copy', () => {
  const environment = readEnvironment()
  process.env['AIRLOCK_TEST_LATER'] = 'x'
  expect(environment.variables).not.toHaveProperty('AIRLOCK_TEST_LATER')
  delete process.env['AIRLOCK_TEST_LATER']
  expect(environment.variables['PATH']).toBe(process.env['PATH'])
})
