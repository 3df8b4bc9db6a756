import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/masking/index.js'
import type { JobConnection, JobFrame } from '../../src/run/jobs/job.js'
import { encodeJob } from '../../src/run/jobs/seal-job.js'
import { injectHeaders } from '../../src/run/remote/inject-headers.js'

const TOKEN = 'tok-canary-8c1f'
const api = (auth: object | undefined, endpoint = 'https://api.example.com/graphql'): JobConnection => ({
  name: 'api',
  driver: 'graphql',
  settings: { endpoint, ...(auth === undefined ? {} : { auth }), headers: { 'x-tenant': 'a' } },
  addresses: { 'api.example.com': ['192.0.2.7'] },
})
const warehouse: JobConnection = {
  name: 'wh',
  driver: 'postgres',
  settings: { host: 'db.example.com', password: new Secret('pw', 'password') },
  addresses: { 'db.example.com': ['192.0.2.8'] },
}
const frame = (source: JobConnection): JobFrame => ({
  ...{ run: 'r', pipeline: 'p', source, target: warehouse, maskKey: undefined },
  ...{ denyUnmasked: [], verify: 'count', retries: 0, fullRefresh: false },
})
const secret = () => new Secret(TOKEN, 'token')

describe('tokens that the platform adds', () => {
  it.each([
    [{ type: 'bearer', token: secret() }, { Authorization: `Bearer ${TOKEN}` }],
    [{ type: 'api_key', header: 'x-api-key', key: secret() }, { 'x-api-key': TOKEN }],
    [
      { type: 'basic', user: 'me', password: secret() },
      { Authorization: `Basic ${Buffer.from(`me:${TOKEN}`).toString('base64')}` },
    ],
  ])('leave the job: %o', (auth, header) => {
    const { frame: left, headers } = injectHeaders(frame(api(auth)))
    expect(headers).toEqual({ 'api.example.com': header })
    expect(left.source.settings).not.toHaveProperty('auth')
    expect(left.source.settings['headers']).toEqual({ 'x-tenant': 'a' })
    const job = encodeJob({
      ...left,
      kind: 'streams',
      streams: [],
      parents: {},
      parallel: 1,
      fence: { holder: 'h', number: 1 },
    })
    expect(Buffer.from(job).toString('utf8')).not.toContain(TOKEN)
    expect(left.target).toBe(warehouse)
  })

  it.each([
    ['OAuth2, which fetches its own', api({ type: 'oauth2', client_secret: secret() })],
    [
      'an API without TLS, whose requests the platform does not see',
      api({ type: 'bearer', token: secret() }, 'http://127.0.0.1:1/'),
    ],
    ['an API without a token', api(undefined)],
    ['a database', warehouse],
  ])('stay as they are for %s', (_, source) => {
    const { frame: left, headers } = injectHeaders(frame(source))
    expect([left.source, headers]).toEqual([source, {}])
  })
})
