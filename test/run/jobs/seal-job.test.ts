import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { graphql, mysql } from '../../../src/drivers/index.js'
import { Secret } from '../../../src/masking/index.js'
import { inlineFiles } from '../../../src/run/jobs/inline-files.js'
import type { StreamsJob } from '../../../src/run/jobs/job.js'
import { decodeJob, encodeJob } from '../../../src/run/jobs/seal-job.js'

const connection = (settings: Readonly<Record<string, unknown>>) => ({
  name: 'shop',
  driver: 'mysql',
  settings,
  addresses: { 'db.example.com': ['192.0.2.7'] },
})

const job = (settings: Readonly<Record<string, unknown>>, changes: Partial<StreamsJob> = {}): StreamsJob => ({
  ...{ kind: 'streams', run: 'r', pipeline: 'nightly', maskKey: undefined, denyUnmasked: ['*.email'] },
  source: connection(settings),
  target: connection({}),
  ...{ verify: 'count', retries: 2, fullRefresh: false, streams: [], parents: { a: ['b'] }, parallel: 1 },
  fence: { holder: 'r/j', number: 1 },
  ...changes,
})

const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })

describe('a job that travels', () => {
  it('is the same job with Secrets again, of which the masker hears', () => {
    const password = new Secret('pass "word" ✓', 'connections.shop.password')
    const settings = {
      host: 'db.example.com',
      port: 3306,
      password,
      nested: [{ key: new Secret('k', 'key') }],
      on: true,
    }
    const heard: string[] = []
    const arrived = decodeJob(encodeJob(job(settings)), (value) => heard.push(value))
    expect(heard).toEqual(['pass "word" ✓', 'k'])
    const { password: there, nested, ...rest } = arrived.source.settings as typeof settings
    expect(there).toBeInstanceOf(Secret)
    expect([there.reveal(), there.label]).toEqual([password.reveal(), password.label])
    expect([nested[0]!.key.reveal(), rest]).toEqual(['k', { host: 'db.example.com', port: 3306, on: true }])
    const { source: _, maskKey, ...others } = job({})
    expect(arrived).toMatchObject({ ...others, maskKey })
  })

  it('tells of the mask key and of private keys too', () => {
    const heard: string[] = []
    const pem = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n'
    const ca = '-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n'
    const maskKey = Buffer.from('the key').toString('base64')
    decodeJob(encodeJob(job({ tls: { ca, key: pem } }, { maskKey })), (value) => heard.push(value))
    expect(heard).toEqual([pem, maskKey, 'the key'])
  })

  // Guard: the extra `$`. Without it a header called `$secret` came back as a Secret.
  it('keeps objects that look like its marks', () => {
    // What reads the settings leaves `__proto__` out, which no setting is called.
    const names = fc.string().filter((name) => name !== '__proto__')
    const keys = fc.oneof(fc.constantFrom('$secret', '$$secret', '$', '$$'), names)
    const values = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()))
    const records = fc.dictionary(keys, fc.oneof(values, fc.dictionary(keys, values)))
    fc.assert(
      fc.property(records, (settings) => {
        const plain = JSON.parse(JSON.stringify(settings)) as Record<string, unknown>
        const arrived = decodeJob(encodeJob(job(plain)), () => undefined)
        expect(arrived.source.settings).toEqual(plain)
      }),
    )
  })

  it.each([
    ['no JSON', 'secret of a job'],
    ['no object', '7'],
    ['an unknown kind', JSON.stringify({ ...job({}), kind: 'shell' })],
    ['no connections', JSON.stringify({ kind: 'streams', run: 'r', pipeline: 'p' })],
    ['a mark of another shape', JSON.stringify({ ...job({}), x: { $secret: [1] } })],
  ])('is refused where it is %s, without a word of it', (_, text) => {
    let message = ''
    try {
      decodeJob(Buffer.from(text), () => undefined)
    } catch (error) {
      message = (error as Error).message
      expect(error).toEqual(invalid)
    }
    expect(message).toMatch(/^The configuration is not valid at the sealed job/)
  })
})

describe('files of a connection that travels', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'airlock-inline-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string, mode = 0o600) => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode })
    return path
  }
  const PEM = '-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n'

  it('go along as their contents', async () => {
    const ca = file('ca.pem', `# An authority\n${PEM}`, 0o644)
    const key = file('key.pem', PEM)
    const password = new Secret('p', 'p')
    const tls = { mode: 'verify-full', ca, key, cert: PEM, server_name: 'db' }
    const settings = { host: 'db', password, tls, max_connections: 4 }
    expect(await inlineFiles(mysql.spec.config, settings)).toEqual({
      ...settings,
      tls: { ...tls, ca: PEM, key: PEM },
    })
  })

  it('are not fields of other names: an API key is none', async () => {
    const settings = { endpoint: 'https://api.example.com', auth: { type: 'api_key', key: new Secret('k', 'k') } }
    expect(await inlineFiles(graphql.spec.config, settings)).toEqual(settings)
  })

  it.each([
    ['is missing', () => join('/none', 'ca.pem'), 'ca', 'CONFIG_INVALID'],
    ['is no PEM', () => file('ca.pem', 'DER'), 'ca', 'CONFIG_INVALID'],
    ['others can read', () => file('key.pem', PEM, 0o644), 'key', 'SECRET_FILE_OPEN'],
  ])('are refused where one %s', async (_, path, field, code) => {
    await expect(inlineFiles(mysql.spec.config, { tls: { [field]: path() } })).rejects.toMatchObject({ code })
  })
})
