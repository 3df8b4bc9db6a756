import { describe, expect, test } from 'vitest'
import { load, refusal } from './workspace.js'

const CANARY = 'swordfish-9917'

const place = (text: string, at: string) => expect(text).toContain(at)

describe('unknown keys', () => {
  test('are named with path, line and the key that was meant', async () => {
    const text = `connections:
  shop:
    driver: server
    host: db.internal
    pasword: ${CANARY}
`
    const error = await refusal(load(text), 'CONFIG_UNKNOWN_KEY', CANARY, 'db.internal')
    expect(error.message).toBe(
      'The configuration has an unknown key at connections.shop.pasword (airlock.yaml line 5). Did you mean "password"?',
    )
    expect(error.exitCode).toBe(2)
  })

  test.each([
    ['conections: {}', 'conections (airlock.yaml line 1). Did you mean "connections"?'],
    ['connections: {}\naudit: { enabeld: true }', 'audit.enabeld (airlock.yaml line 2). Did you mean "enabled"?'],
    [
      'connections:\n  shop:\n    driver: server\n    tls:\n      moed: require\n',
      'connections.shop.tls.moed (airlock.yaml line 5). Did you mean "mode"?',
    ],
    [
      'connections:\n  a: { driver: api, endpoint: e, auth: { type: bearer, tokn: "${env:T}" } }',
      'connections.a.auth.tokn (airlock.yaml line 2). Did you mean "token"?',
    ],
    ['connections: {}\nplugins: []', 'plugins (airlock.yaml line 2).'],
  ])('%s', async (text, at) => {
    place((await refusal(load(text), 'CONFIG_UNKNOWN_KEY')).message, at)
  })

  test.each([
    `connections: { shop: { driver: server, password:${CANARY} } }`,
    `connections: { shop: { driver: server, "password ${CANARY}" } }`,
    `connections: { shop: { driver: server, ${CANARY} } }`,
    `connections: { shop: { driver: server, "server://u:${CANARY}@h/db": ~ } }`,
    `connections: { shop: { driver: server, "password ${CANARY}": x } }`,
    `connections: { shop: { driver: server, "server://u:${CANARY}@h/db": 1 } }`,
    'connections: { shop: { driver: server, swordfish } }',
  ])('are not repeated where they may be a value: %s', async (text) => {
    const error = await refusal(load(text), 'CONFIG_UNKNOWN_KEY', CANARY, 'swordfish')
    place(error.message, 'connections.shop.(key) (airlock.yaml line 1).')
  })

  test('a key that objects have by nature is unknown like any other', async () => {
    await refusal(load('connections: {}\nconstructor: 1'), 'CONFIG_UNKNOWN_KEY')
    await refusal(load('connections: {}\n__proto__: { home: x }'), 'CONFIG_INVALID')
    expect(Object.hasOwn(Object.prototype, 'home')).toBe(false)
  })
})

describe('values', () => {
  test.each([
    ['port: "3306"', 'port', 'expected a number'],
    ['port: 0', 'port', 'it must be at least 1'],
    ['port: 70000', 'port', 'it must be at most 65535'],
    ['port: 1.5', 'port', 'expected a whole number'],
    ['host: ""', 'host', 'it must not be empty'],
    [`host: [${CANARY}]`, 'host', 'expected text'],
    [`host: { name: ${CANARY} }`, 'host', 'expected text'],
    [`read_only: ${CANARY}`, 'read_only', 'expected true or false'],
    [`tls: ${CANARY}`, 'tls', 'expected a map'],
    [`tls: { mode: ${CANARY} }`, 'tls.mode', 'expected disable, require, verify-ca or verify-full'],
    ['host: ~', 'host', 'expected text'],
    [`host: "x\${env:A B}"`, 'host', 'only ${env:NAME} and ${env:NAME:-default} are possible here'],
    [`host: "\${file:${CANARY}}"`, 'host', 'only ${env:NAME} and ${env:NAME:-default} are possible here'],
    [`host: "\${env:${CANARY}}"`, 'host', 'only ${env:NAME} and ${env:NAME:-default} are possible here'],
  ])('%s', async (line, field, problem) => {
    const error = await refusal(
      load(`connections:\n  shop:\n    driver: server\n    ${line}\n`),
      'CONFIG_INVALID',
      CANARY,
    )
    expect(error.message).toBe(
      `The configuration is not valid at connections.shop.${field} (airlock.yaml line 4): ${problem}.`,
    )
  })

  test('a missing field and a wrong kind of connection are named', async () => {
    place(
      (await refusal(load('home: x'), 'CONFIG_INVALID')).message,
      'connections (airlock.yaml line 1): expected a map',
    )
    const wrong = await refusal(load(`connections: { shop: ${CANARY} }`), 'CONFIG_INVALID', CANARY)
    place(wrong.message, 'connections.shop (airlock.yaml line 1): expected a map')
    const auth = await refusal(
      load(`connections:\n  a: { driver: api, endpoint: e, auth: { type: ${CANARY} } }`),
      'CONFIG_INVALID',
      CANARY,
    )
    place(auth.message, 'connections.a.auth.type (airlock.yaml line 2): expected bearer or basic')
  })

  test('the first of several problems in the file is reported', async () => {
    const text = 'connections:\n  shop:\n    driver: server\n    prot: 1\n    max_connections: 0\n    hst: h\n'
    place((await refusal(load(text), 'CONFIG_UNKNOWN_KEY')).message, 'line 4')
  })
})

describe('YAML', () => {
  test.each([
    ['', 1, 'the file is empty'],
    ['# only a comment\n', 1, 'the file is empty'],
    [`- ${CANARY}\n`, 1, 'the file must be a map of keys and values'],
    [CANARY, 1, 'the file must be a map of keys and values'],
    [`home: a\nhome: ${CANARY}\nconnections: {}`, 2, 'a key is given twice'],
    [`connections:\n\tshop: ${CANARY}`, 2, 'a tab is used for indentation; use spaces'],
    [`connections: {}\nhome: "${CANARY}`, 2, 'a quote, bracket or comma is missing'],
    [`home: a: ${CANARY}`, 1, 'two keys stand on one line; quote a text that holds `: `'],
    [`home: @${CANARY}`, 1, 'a plain text begins with a reserved character; quote it'],
    [
      `home: "\\q${CANARY}"`,
      1,
      'a double-quoted text has an unknown escape; single quotes take backslashes as they are',
    ],
    [`? [${CANARY}]\n: 1`, 1, 'a key is not plain text'],
    [`home: a\n---\nhome: ${CANARY}`, 2, 'the file holds more than one YAML document'],
    [`home: !secret ${CANARY}`, 1, 'YAML tags are not supported'],
    [`home: !!binary ${CANARY.slice(0, 8)}`, 1, 'YAML tags are not supported'],
    [`home: *${CANARY}`, 1, 'an alias has no anchor before it'],
    ['connections: { shop: { driver: server, password: ${env:X} } }', 1, 'a reference inside { } or [ ] must stand in'],
    [`home: ${'['.repeat(20_000)}`, 1, 'the file is nested too deeply'],
  ])('%j', async (text, line, problem) => {
    const error = await refusal(load(text), 'CONFIG_INVALID', CANARY)
    place(error.message, `airlock.yaml line ${line}`)
    place(error.message, problem)
  })

  test('aliases work, and an alias bomb or a circle does not', async () => {
    const shared = `connections:
  one: &one { driver: server, host: h, tls: &tls { mode: require } }
  two: { driver: server, host: g, tls: *tls }
  three: *one
`
    const { config } = await load(shared)
    expect((await config.connection('two')).settings).toMatchObject({ tls: { mode: 'require' } })
    expect((await config.connection('three')).settings).toMatchObject({ host: 'h' })
    const rows = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`)
    const bomb = [`l0: &l0 [${CANARY}]`, ...rows].join('\n')
    place((await refusal(load(bomb), 'CONFIG_INVALID', CANARY)).message, 'aliases or nesting make the file too large')
    place((await refusal(load('home: &a [*a]'), 'CONFIG_INVALID')).message, 'too large')
    const doubling = ['l0: &l0 [x]', ...Array.from({ length: 20 }, (_, i) => `l${i + 1}: &l${i + 1} [*l${i}, *l${i}]`)]
    place((await refusal(load(doubling.join('\n')), 'CONFIG_INVALID')).message, 'too large')
    place((await refusal(load(`home: ${'['.repeat(100)}${']'.repeat(100)}`), 'CONFIG_INVALID')).message, 'too large')
    const repeated = `a: &a [${'x,'.repeat(1000)}]\nhome: [${'*a,'.repeat(100)}]`
    place((await refusal(load(repeated), 'CONFIG_INVALID')).message, 'too large')
    const wide = `a: &a 1\nhome: [${'*a,'.repeat(5000)}]`
    place((await refusal(load(wide), 'CONFIG_INVALID')).message, 'too large')
  })
})
