import { execFileSync } from 'node:child_process'
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Secret } from '../../src/masking/secret.js'
import { load, refusal, workspace } from './workspace.js'

const CANARY = 'sword/fish+9917'

const withPassword = (written: string, more = '') =>
  `${more}\nconnections:\n  shop:\n    driver: server\n    host: h\n    password: ${written}\n`

async function password(written: string, options: Parameters<typeof load>[1] = {}, more = '') {
  const { config, told } = await load(withPassword(written, more), options)
  const { settings } = await config.connection('shop')
  expect(told).toContain(settings['password'])
  return (settings['password'] as Secret).reveal()
}

/** A folder with airlock.yaml and one secret file. */
async function withFile(content: string | Uint8Array, reference = '${file:secrets/pw}') {
  return await workspace({ 'airlock.yaml': withPassword(reference), 'secrets/pw': content })
}

async function readFrom(cwd: string, userId?: number) {
  const { config } = await load(undefined, userId === undefined ? { cwd } : { cwd, userId })
  const { settings } = await config.connection('shop')
  return (settings['password'] as Secret).reveal()
}

describe('what a secret may be', () => {
  test.each([
    CANARY,
    `"${CANARY}"`,
    `"pre\${env:PW}"`,
    `"\${env:PW}post"`,
    `"\${env:A}\${env:B}"`,
    `"\${env:PW:-${CANARY}}"`,
    `"\${env:${CANARY}}"`,
    `"\${vault:${CANARY}}"`,
    `"$${CANARY}"`,
    '99171234',
    'true',
    `[${CANARY}]`,
    `{ env: ${CANARY} }`,
    `"server://u:\${env:PW}@h"`,
  ])('refuses %s', async (written) => {
    const error = await refusal(load(withPassword(written)), 'SECRET_LITERAL', CANARY, '99171234')
    expect(error.message).toBe('A secret is written out at connections.shop.password (airlock.yaml line 6).')
    expect(error.hint).toContain('${env:NAME}')
  })

  test('refuses nothing in the place of a secret', async () => {
    for (const written of ['', '""', '~']) await refusal(load(withPassword(written)), 'CONFIG_INVALID')
  })

  test('refuses literals wherever a schema has a secret', async () => {
    const api = (rest: string) => `connections:\n  a:\n    driver: api\n    endpoint: e\n    ${rest}\n`
    for (const [rest, at] of [
      [`auth: { type: bearer, token: ${CANARY} }`, 'auth.token'],
      [`auth: { type: basic, user: u, password: ${CANARY} }`, 'auth.password'],
      [`headers: { x-key: ${CANARY} }`, 'headers.x-key'],
      [`proxy: ${CANARY}`, 'proxy'],
      [`keys: ["\${env:A}", ${CANARY}]`, 'keys[1]'],
    ]) {
      const error = await refusal(load(api(rest!)), 'SECRET_LITERAL', CANARY)
      expect(error.message).toContain(`connections.a.${at} (airlock.yaml line 5)`)
    }
    await refusal(load(`mask_key: ${CANARY}\nconnections: {}`), 'SECRET_LITERAL', CANARY)
    const pem = ['-----BEGIN PRIVATE', ' KEY-----\\n', CANARY].join('')
    const tls = `connections: { s: { driver: server, tls: { key: "${pem}" } } }`
    await refusal(load(tls), 'SECRET_LITERAL', CANARY)
  })

  test('resolves secrets in unions, lists and maps', async () => {
    const text = `connections:
  a: { driver: api, endpoint: e, auth: { type: bearer, token: "\${env:T}" }, headers: { k: "\${env:H}" }, keys: ["\${env:K}"] }`
    const { config, told } = await load(text, { env: { T: 'tee', H: 'aitch', K: 'kay' } })
    const { settings } = await config.connection('a')
    expect(told.map((secret) => secret.reveal()).sort()).toEqual(['aitch', 'kay', 'tee'])
    expect(JSON.stringify(settings)).not.toMatch(/tee|aitch|kay/)
  })
})

describe('${env:NAME}', () => {
  test('is taken as it is', async () => {
    expect(await password('${env:PW}', { env: { PW: ` ${CANARY} ` } })).toBe(` ${CANARY} `)
  })

  test('absent and empty give SECRET_UNRESOLVED', async () => {
    for (const env of [{}, { PW: '' }]) {
      const error = await refusal(password('${env:PW}', { env }), 'SECRET_UNRESOLVED')
      expect(error.message).toContain('connections.shop.password (airlock.yaml line 6)')
    }
  })

  test('a connection can be tried again when its secret is there', async () => {
    const cwd = await workspace({ 'airlock.yaml': withPassword('${file:pw}') })
    const { config } = await load(undefined, { cwd })
    await refusal(config.connection('shop'), 'SECRET_UNRESOLVED')
    await writeFile(join(cwd, 'pw'), CANARY, { mode: 0o600 })
    expect(((await config.connection('shop')).settings['password'] as Secret).reveal()).toBe(CANARY)
  })
})

describe('url', () => {
  const text = 'connections: { shop: { driver: server, url: "${env:URL}" } }'

  test('is one secret, and the password in it another', async () => {
    const url = 'server://reader:p%40ss-word@db.internal:5/shop'
    const { config, told } = await load(text, { env: { URL: url } })
    const { settings } = await config.connection('shop')
    expect((settings['url'] as Secret).reveal()).toBe(url)
    expect(told.map((secret) => secret.reveal())).toEqual([url, 'p@ss-word'])
  })

  test('that is refused is registered first and not in the error', async () => {
    for (const URL of [`other://u:${CANARY}@db.internal/x`, `host=db.internal password=${CANARY}`]) {
      const { config, told } = await load(text, { env: { URL } })
      await refusal(config.connection('shop'), 'DSN_REFUSED', CANARY, 'db.internal')
      expect(told.map((secret) => secret.reveal())).toEqual([URL])
    }
  })

  test('written out is refused', async () => {
    const literal = `connections: { shop: { driver: server, url: "server://u:${CANARY}@db.internal/x" } }`
    await refusal(load(literal), 'SECRET_LITERAL', CANARY, 'db.internal')
  })
})

describe('${file:path}', () => {
  test('is relative to the configuration file; newlines at the end are cut', async () => {
    const cwd = await withFile(`${CANARY}\r\n\n`)
    await mkdir(join(cwd, 'deep'))
    expect(await readFrom(join(cwd, 'deep'))).toBe(CANARY)
    await writeFile(join(cwd, 'secrets/pw'), ` two\nlines `)
    expect(await readFrom(cwd)).toBe(' two\nlines ')
  })

  test('may be absolute, and a link to a private file', async () => {
    const other = await workspace({ pw: CANARY })
    expect(await readFrom(await withFile('', `\${file:${join(other, 'pw')}}`))).toBe(CANARY)
    const cwd = await withFile('', '${file:linked}')
    await symlink(join(other, 'pw'), join(cwd, 'linked'))
    expect(await readFrom(cwd)).toBe(CANARY)
  })

  test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o644])('refuses mode %o', async (mode) => {
    const cwd = await withFile(CANARY)
    await chmod(join(cwd, 'secrets/pw'), mode)
    const error = await refusal(readFrom(cwd), 'SECRET_FILE_OPEN', CANARY, cwd)
    expect(error.message).toContain('connections.shop.password')
  })

  test('refuses the file of another user, takes the own one', async () => {
    const cwd = await withFile(CANARY)
    const isRoot = process.getuid?.() === 0
    if (isRoot) await chown(join(cwd, 'secrets/pw'), 65_534, 65_534)
    const owner = isRoot ? 65_534 : process.getuid!()
    await refusal(readFrom(cwd, owner + 1), 'SECRET_FILE_OPEN', CANARY, cwd)
    expect(await readFrom(cwd, owner)).toBe(CANARY)
  })

  test.each([
    ['empty', ''],
    ['only newlines', '\n\n'],
    ['too large', 'x'.repeat(64 * 1024 + 1)],
    ['not UTF-8', Buffer.from([0x73, 0xff, 0x73])],
  ])('%s gives SECRET_UNRESOLVED', async (_, content) => {
    const cwd = await withFile(content)
    await refusal(readFrom(cwd), 'SECRET_UNRESOLVED', cwd)
  })

  test('takes 64 KiB', async () => {
    expect(await readFrom(await withFile('x'.repeat(64 * 1024)))).toHaveLength(64 * 1024)
  })

  test('a missing file, a folder and a pipe that nobody writes give SECRET_UNRESOLVED at once', async () => {
    const cwd = await withFile(CANARY, '${file:missing}')
    await refusal(readFrom(cwd), 'SECRET_UNRESOLVED', cwd, 'missing')
    await refusal(readFrom(await withFile(CANARY, '${file:secrets}')), 'SECRET_UNRESOLVED')
    const piped = await withFile(CANARY, '${file:pipe}')
    execFileSync('mkfifo', ['-m', '600', join(piped, 'pipe')])
    await refusal(readFrom(piped), 'SECRET_UNRESOLVED')
  })
})
