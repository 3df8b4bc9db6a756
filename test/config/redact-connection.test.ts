import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { redactConnection } from '../../src/config/redact-connection.js'
import { load } from './workspace.js'

const CANARY = 'swordfish-9917'

const TEXT = `connections:
  shop:
    driver: server
    host: db.internal
    port: 3306
    database: shop
    user: "\${env:WHO}"
    password: \${env:PW}
    read_only: true
    tls: { mode: verify-full, ca: ca.pem, server_name: db.internal }
  a:
    driver: api
    endpoint: api.internal
    auth: { type: bearer, token: "\${cmd:give ${CANARY}}" }
    headers: { x-key: "\${env:PW}" }
    keys: ["\${env:PW}"]
`

const given = async (name: string) => {
  const { config } = await load(`allow_cmd: true\n${TEXT}`, { env: { PW: CANARY, WHO: 'reader' } })
  return { config, declared: config.declaration(name) }
}

describe('redactConnection', () => {
  test('shows which fields are set, closed choices, and nothing else', async () => {
    const { declared } = await given('shop')
    expect(redactConnection({ ...declared, values: declared.written })).toEqual({
      driver: 'server',
      host: 'set',
      port: 'set',
      database: 'set',
      user: 'set',
      password: '***',
      read_only: true,
      tls: { mode: 'verify-full', ca: 'set', server_name: 'set' },
    })
  })

  test('shows topology when asked, from the file or resolved', async () => {
    const { config, declared } = await given('shop')
    const asked = { showTopology: true }
    expect(redactConnection({ ...declared, values: declared.written }, asked)).toMatchObject({
      host: 'db.internal',
      port: 3306,
      user: '${env:WHO}',
      password: '***',
    })
    const { settings } = await config.connection('shop')
    const resolved = redactConnection({ ...declared, values: settings }, asked)
    expect(resolved).toMatchObject({ host: 'db.internal', user: 'reader', password: '***', connect_timeout_ms: 10_000 })
    expect(inspect(resolved, { depth: 9 })).not.toContain(CANARY)
  })

  test('hides secrets in unions, lists and maps, references included', async () => {
    const { declared } = await given('a')
    const shown = redactConnection({ ...declared, values: declared.written }, { showTopology: true })
    expect(shown).toEqual({
      driver: 'api',
      endpoint: 'api.internal',
      auth: { type: 'bearer', token: '***' },
      headers: { 'x-key': '***' },
      keys: ['***'],
    })
  })

  test('hides what the schema does not know', async () => {
    const { declared } = await given('shop')
    const shown = redactConnection(
      { ...declared, values: { pasword: CANARY, more: { deep: [CANARY] } } },
      { showTopology: true },
    )
    expect(shown).toEqual({ driver: 'server', pasword: '***', more: { deep: ['***'] } })
  })
})
