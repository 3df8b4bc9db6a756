import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createMasker, Secret } from '../../src/masking/index.js'
import { Workspace } from '../../src/run/workspace.js'
import { AuditLog, DebugSink, Telemetry } from '../../src/sinks/index.js'
import { driverOf, failure } from '../drivers/support.js'
import { describeWith } from '../setup/engines.js'
import { account } from './accounts.js'
import { Canaries, canary } from './canaries.js'
import { everyView } from './views.js'

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-leaks-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A private key in a file of its own, and the line of it that gives it away. */
async function privateKey(folder: string): Promise<{ readonly file: string; readonly line: string }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const file = join(folder, 'client.key')
  await writeFile(file, pem, { mode: 0o600 })
  return { file, line: pem.split('\n')[1]! }
}

for (const name of ['mysql', 'postgres'] as const) {
  describeWith([name], `SO-1 objects of ${name}`, (engines) => {
    it('SO-1, SO-2 show nothing in any state, nor the private key: driver, session, extraction', {
      timeout: 120_000,
    }, async () => {
      await using own = await account(engines[name])
      const key = await privateKey(await scratch())
      const canaries = own.canaries.add('key', key.line)
      const driver = driverOf(own.engine)
      const silent = (state: string, ...objects: readonly unknown[]) => {
        for (const object of objects) expect(canaries.in(everyView(object)), state).toEqual([])
      }

      // SO-2: a key is in use only where there is TLS.
      const settings = { ...own.settings, tls: { mode: 'require', key: key.file } as const }
      silent('settings', settings.password)
      const session = await driver.open(settings, { lookup: own.lookup, name: 'conn' })
      silent('connected', session)
      const extraction = session.extract({ table: 'notes', where: `note = '${own.cell}'` })
      silent('not begun', extraction)
      const rows = extraction[Symbol.asyncIterator]()
      const first = await rows.next()
      expect(first.done === true ? 0 : first.value.rowCount).toBe(5)
      silent('in the middle', session, extraction, rows)
      await rows.return?.()
      silent('after it', session, extraction, rows)
      const broken = session.extract({ query: `SELECT '${own.cell}' FROM FROM` })
      await failure((async () => await broken[Symbol.asyncIterator]().next())(), 'SQL_INVALID')
      silent('after a failure', session, broken)
      await session.close()
      silent('closed', session, driver)
    })
  })
}

describeWith(['mysql', 'postgres'], 'SO-1 objects of a run', (engines) => {
  it('show nothing: workspace, configuration, sinks, masker, secrets', { timeout: 120_000 }, async () => {
    await using shop = await account(engines.mysql)
    const folder = await scratch()
    const maskKey = canary('k', '"/ß')
    const written = { driver: 'mysql', ...shop.settings, password: '${env:LEAKS_PASSWORD}', connect_timeout_ms: 5000 }
    await writeFile(
      join(folder, 'airlock.yaml'),
      JSON.stringify({
        mask_key: '${env:LEAKS_KEY}',
        // Where agents are served by default would be taken for the address of the server.
        mcp: { http: { host: '::1' } },
        connections: { shop: { ...written, host: engines.mysql.host } },
      }),
    )
    process.env['LEAKS_PASSWORD'] = shop.password
    process.env['LEAKS_KEY'] = maskKey
    onTestFinished(() => {
      delete process.env['LEAKS_PASSWORD']
      delete process.env['LEAKS_KEY']
    })
    const canaries = shop.canaries.add('mask key', maskKey)
    await using workspace = await Workspace.open({ cwd: folder, debug: true })
    const key = await workspace.config.maskKey()
    const connection = await workspace.config.connection('shop')
    await using session = await workspace.connect('shop')
    await session.ping()
    const objects = { workspace, config: workspace.config, key, session, masker: workspace.masker }
    for (const [what, object] of Object.entries({ ...objects, ...workspace })) {
      expect(canaries.in(everyView(object)), what).toEqual([])
    }
    // A resolved connection says where it leads: it is what drivers are opened with. Its secrets it does not show.
    expect(canaries.only('password', 'mask key').in(everyView(connection))).toEqual([])
  })

  it('SO-1 sinks that hold canaries in their queues show none of them', async () => {
    const folder = await scratch()
    const secret = canary()
    const canaries = new Canaries({ secret })
    const masker = createMasker({ secrets: [secret] })
    const telemetry = Telemetry.open({ dir: join(folder, 'telemetry'), masker })
    const debug = new DebugSink({ dir: join(folder, 'debug'), masker, enabled: true })
    const audit = await AuditLog.open({ dir: join(folder, 'audit'), masker })
    telemetry.emit('error.raised', { secret })
    debug.record({ ref: '0', phase: 'query', error: new Error(secret) })
    const appended = audit.append({ type: 'secret.seen', data: { note: secret } })
    const chunks = masker.chunks()
    chunks.write(secret.slice(0, 10))
    const objects = {
      telemetry,
      debug,
      audit,
      masker,
      chunks,
      stream: masker.stream(),
      secret: new Secret(secret, 'x'),
    }
    for (const [what, object] of Object.entries(objects)) expect(canaries.in(everyView(object)), what).toEqual([])
    await appended
    await Promise.all([telemetry.stop(), debug.close(), audit.close()])
    for (const [what, object] of Object.entries(objects)) expect(canaries.in(everyView(object)), what).toEqual([])
  })
})
