import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/masking/secret.js'
import { load, refusal, workspace } from './workspace.js'

const CANARY = 'swordfish-9917'

const SHOP = `
connections:
  shop:
    driver: server
    host: db.internal
    port: 3306
    user: reader
    password: \${env:SHOP_PASSWORD}
    tls: { mode: verify-full, ca: certs/ca.pem }
`

describe('loadConfig', () => {
  test('gives a connection with its secret, absolute paths and defaults', async () => {
    const { config, cwd, told } = await load(SHOP, { env: { SHOP_PASSWORD: CANARY } })
    const { driver, settings } = await config.connection('shop')
    expect(driver).toBe('server')
    expect(settings).toMatchObject({
      host: 'db.internal',
      port: 3306,
      user: 'reader',
      tls: { mode: 'verify-full', ca: join(cwd, 'certs/ca.pem') },
      connect_timeout_ms: 10_000,
      read_only: false,
    })
    expect(settings).not.toHaveProperty('driver')
    expect((settings['password'] as Secret).reveal()).toBe(CANARY)
    expect(told.map((secret) => [secret.label, secret.reveal()])).toEqual([['connections.shop.password', CANARY]])
  })

  test('keeps a config free of its secrets until a connection is asked for', async () => {
    const { config, told } = await load(`${SHOP}  spare: { driver: server, host: h, password: "\${env:UNSET}" }\n`, {
      env: { SHOP_PASSWORD: CANARY },
    })
    expect(config.connectionNames).toEqual(['shop', 'spare'])
    expect(told).toEqual([])
    await config.connection('shop')
    await refusal(config.connection('spare'), 'SECRET_UNRESOLVED')
  })

  test('resolves a connection once, also for callers at the same time', async () => {
    const { config, told } = await load(SHOP, { env: { SHOP_PASSWORD: CANARY } })
    const [one, two] = await Promise.all([config.connection('shop'), config.connection('shop')])
    expect(one).toBe(two)
    expect(told).toHaveLength(1)
  })

  test('fills in the settings of its own', async () => {
    const { config, cwd } = await load('connections: {}')
    expect(config).toMatchObject({
      home: join(cwd, '.airlock'),
      denyUnmasked: [],
      audit: { enabled: true },
      telemetry: { enabled: true },
      debug: { enabled: false },
    })
    expect(await config.maskKey()).toBeUndefined()
  })

  test('resolves the mask key when it is asked for', async () => {
    const { config, told } = await load('mask_key: ${env:KEY}\nconnections: {}', { env: { KEY: CANARY } })
    expect(told).toEqual([])
    const key = await config.maskKey()
    expect(key).toBeInstanceOf(Secret)
    expect(key?.reveal()).toBe(CANARY)
    expect(told).toEqual([key])
    const other = await load('mask_key: ${env:KEY}\nconnections: {}')
    await refusal(other.config.maskKey(), 'SECRET_UNRESOLVED')
  })

  test('resolves home against the folder of the file, AIRLOCK_HOME against the current one', async () => {
    const folder = await workspace({ 'airlock.yaml': 'home: ../kept\nconnections: {}' })
    await mkdir(join(folder, 'a/b'), { recursive: true })
    const below = join(folder, 'a/b')
    expect((await load(undefined, { cwd: below })).config.home).toBe(join(folder, '../kept'))
    const moved = await load(undefined, { cwd: below, env: { AIRLOCK_HOME: 'here' } })
    expect(moved.config.home).toBe(join(below, 'here'))
  })
})

describe('which file', () => {
  test('takes the nearest airlock.yaml upwards', async () => {
    const folder = await workspace({
      'airlock.yaml': 'home: far\nconnections: {}',
      'a/airlock.yaml': 'home: near\nconnections: {}',
    })
    await mkdir(join(folder, 'a/b/c'), { recursive: true })
    const { config } = await load(undefined, { cwd: join(folder, 'a/b/c') })
    expect(config.path).toBe(join(folder, 'a/airlock.yaml'))
    expect(config.home).toBe(join(folder, 'a/near'))
  })

  test('takes --config before AIRLOCK_CONFIG before the search', async () => {
    const cwd = await workspace({
      'airlock.yaml': 'connections: {}',
      'two.yaml': 'connections: {}',
      'three.yaml': 'connections: {}',
    })
    const env = { AIRLOCK_CONFIG: 'two.yaml' }
    expect((await load(undefined, { cwd, env })).config.path).toBe(join(cwd, 'two.yaml'))
    expect((await load(undefined, { cwd, env, file: 'three.yaml' })).config.path).toBe(join(cwd, 'three.yaml'))
  })

  test('says where it looked, without folders and without a URL given by mistake', async () => {
    const cwd = await workspace()
    expect((await refusal(load(undefined, { cwd }), 'CONFIG_NOT_FOUND', cwd)).exitCode).toBe(2)
    const missing = await refusal(load(undefined, { cwd, file: 'x/nope.yaml' }), 'CONFIG_NOT_FOUND', cwd)
    expect(missing.message).toContain('nope.yaml')
    await refusal(load(undefined, { cwd, file: `server://u:${CANARY}@h/db` }), 'CONFIG_NOT_FOUND', CANARY)
  })

  test('refuses a file above the current folder that belongs to somebody else', async () => {
    const folder = await workspace({ 'airlock.yaml': 'connections: {}' })
    await mkdir(join(folder, 'below'))
    const cwd = join(folder, 'below')
    const stranger = 4_000_000_000
    if (process.getuid?.() === 0) await chown(join(folder, 'airlock.yaml'), 65_534, 65_534)
    const error = await refusal(load(undefined, { cwd, userId: stranger }), 'CONFIG_INVALID', folder)
    expect(error.message).toContain('belongs to another user')
    await load(undefined, { cwd: folder, userId: stranger })
    await load(undefined, { cwd, userId: stranger, file: join(folder, 'airlock.yaml') })
  })

  test('refuses a folder, a huge file and a file that is not text', async () => {
    const cwd = await workspace({
      'big.yaml': `connections: {} # ${'x'.repeat(1024 * 1024)}`,
      'latin.yaml': Buffer.from('connections: {} # caf\xe9', 'latin1'),
    })
    await mkdir(join(cwd, 'folder.yaml'))
    await refusal(load(undefined, { cwd, file: 'folder.yaml' }), 'CONFIG_INVALID')
    await refusal(load(undefined, { cwd, file: 'big.yaml' }), 'CONFIG_INVALID')
    expect((await refusal(load(undefined, { cwd, file: 'latin.yaml' }), 'CONFIG_INVALID')).message).toContain('UTF-8')
  })
})

describe('connections', () => {
  test('an unknown name is repeated with a suggestion, a URL in its place is not', async () => {
    const { config } = await load(SHOP)
    const error = await refusal(config.connection('shpo'), 'CONNECTION_UNKNOWN')
    expect(error.message).toBe('No connection is named shpo. Did you mean "shop"?')
    await refusal(config.connection(`server://u:${CANARY}@h`), 'CONNECTION_UNKNOWN', CANARY)
    expect(() => config.declaration('nope')).toThrowError(/No connection is named nope\./)
  })

  test('an unknown driver is refused with a suggestion', async () => {
    const error = await refusal(load('connections:\n  shop:\n    driver: sever\n'), 'DRIVER_UNKNOWN')
    expect(error.message).toBe('No driver serves connections.shop.driver (airlock.yaml line 3). Did you mean "server"?')
    await refusal(load('connections: { shop: { driver: constructor } }'), 'DRIVER_UNKNOWN')
    await refusal(load('connections: { shop: { host: db.internal } }'), 'CONFIG_INVALID', 'db.internal')
  })

  test.each(['1shop', 'sh.op', 'a b', `server://u:${CANARY}@h`])('refuses the name %s', async (name) => {
    await refusal(load(`connections: { "${name}": { driver: server } }`), 'CONFIG_INVALID', CANARY)
  })

  test('turns variables into numbers and switches strictly', async () => {
    const text = `connections:
  shop: { driver: server, host: "db-\${env:REGION:-eu}.internal", port: "\${env:PORT}", read_only: "\${env:RO:-true}" }`
    const { config } = await load(text, { env: { PORT: '3307' } })
    const { settings } = await config.connection('shop')
    expect(settings).toMatchObject({ host: 'db-eu.internal', port: 3307, read_only: true })
    // As in a shell, an empty variable counts as absent.
    const empty = await load(text, { env: { PORT: '3307', REGION: '', RO: 'false' } })
    expect((await empty.config.connection('shop')).settings).toMatchObject({ host: 'db-eu.internal', read_only: false })
    for (const env of [{ PORT: CANARY }, { PORT: '0x10' }, { PORT: '' }, { PORT: '70000' }, { PORT: '1', RO: 'yes' }]) {
      const broken = await load(text, { env })
      const error = await refusal(broken.config.connection('shop'), 'CONFIG_INVALID', CANARY, '70000', '0x10')
      expect(error.message).toMatch(/connections\.shop\.(port|read_only) \(airlock\.yaml line 2\)/)
    }
  })

  test('checks what does not depend on a variable at once', async () => {
    const text = `connections: { a: { driver: api, endpoint: nowhere, weight: "\${env:W}" } }`
    expect((await refusal(load(text), 'CONFIG_INVALID')).message).toContain('the endpoint leads nowhere')
  })
})
