import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkConnection, type EndpointCheck } from '../../src/run/check-connection.js'
import { Workspace } from '../../src/run/workspace.js'
import { settle, type TestDatabase } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const never = new AbortController().signal

for (const family of ['mysql', 'postgres'] as const) {
  describeWith([family], `airlock check on ${family}`, (engines) => {
    const engine = engines[family]
    let database: TestDatabase
    let folder: string

    beforeAll(async () => {
      database = await engine.createDatabase('check')
      folder = await mkdtemp(join(tmpdir(), 'airlock-check-'))
    })
    afterAll(async () => {
      await database.drop()
      await rm(folder, { recursive: true })
    })

    const check = async (changes: object = {}, env: Record<string, string> = {}): Promise<EndpointCheck> => {
      const connection = {
        driver: family,
        host: engine.host,
        port: engine.port,
        database: database.name,
        user: database.user,
        password: '${env:PASSWORD}',
        tls: { mode: 'verify-full', ca: engine.caFile, server_name: engine.serverName },
        ...changes,
      }
      const configFile = join(folder, 'airlock.yaml')
      await writeFile(configFile, JSON.stringify({ connections: { shop: connection } }))
      await using workspace = await Workspace.open({ configFile, env: { PASSWORD: database.password, ...env } })
      const [result, ...others] = await checkConnection(workspace, 'shop', never)
      expect(others).toEqual([])
      return result!
    }
    const failedAt = ({ steps }: EndpointCheck) =>
      Object.entries(steps).flatMap(([step, status]) => (status === 'failed' ? [step] : []))

    it('passes every step and warns of nothing for a plain user', async () => {
      const result = await check()
      expect(result).toMatchObject({
        ok: true,
        error: null,
        warnings: [],
        steps: { dns: 'ok', tcp: 'ok', tls: 'ok', auth: 'ok', query: 'ok', privileges: 'ok' },
      })
      await settle(() => engine.sessions({ user: database.user }), 0, 5000)
    })

    it('names the step that fails, and those behind it as not reached', async () => {
      const dns = await check({ host: 'nowhere.invalid' })
      expect([failedAt(dns), dns.error?.code]).toEqual([['dns'], 'HOST_NOT_FOUND'])
      expect(dns.steps).toMatchObject({ tcp: 'not reached', privileges: 'not reached' })
      const tcp = await check({ port: 1 })
      expect([failedAt(tcp), tcp.error?.code, tcp.steps.dns]).toEqual([['tcp'], 'CONNECT_REFUSED', 'ok'])
      const tls = await check({ tls: { mode: 'verify-full', server_name: engine.serverName } })
      expect([failedAt(tls), tls.error?.code, tls.steps.tcp]).toEqual([['tls'], 'TLS_UNTRUSTED', 'ok'])
      // A wrong credential is never healthy, whatever is open.
      const auth = await check({}, { PASSWORD: 'not-the-password' })
      expect([failedAt(auth), auth.error?.code, auth.steps.tls]).toEqual([['auth'], 'AUTH_FAILED', 'ok'])
    })

    it('says where TLS is off, and warns of a superuser and of write grants behind read_only', async () => {
      const plain = await check({ tls: { mode: 'disable' }, read_only: true })
      expect(plain.steps.tls).toBe('off')
      expect(plain.warnings).toEqual(['the connection is read_only and its user may write'])
      const admin = await check({ user: engine.admin.user }, { PASSWORD: engine.admin.password })
      expect(admin.warnings).toEqual(['the user is a superuser; give it the rights that it needs and no others'])
    })
  })
}
