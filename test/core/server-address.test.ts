import { expect, it } from 'vitest'
import type { TlsConfig } from '../../src/core/config-fields.js'
import { serverAddress } from '../../src/core/server-address.js'
import { postgresSpec } from '../../src/drivers/postgres/index.js'
import { Secret } from '../../src/masking/secret.js'

const tlsOf = (url: string, tls?: TlsConfig) => {
  const config = postgresSpec.config.parse({ url: new Secret(url, 'url'), ...(tls === undefined ? {} : { tls }) })
  return serverAddress(postgresSpec, config).tls?.mode
}

// Seen red with the URL's word taken as it is, and with it ignored.
it.each([
  ['postgres://u:p@db.example.com/d?sslmode=require', undefined, 'verify-full'],
  ['postgres://u:p@db.example.com/d?sslmode=verify-ca', { mode: 'require' }, 'verify-ca'],
  ['postgres://u:p@db.example.com/d?sslmode=require', { mode: 'verify-full' }, 'verify-full'],
  ['postgres://u:p@127.0.0.1/d?sslmode=verify-full', undefined, 'verify-full'],
  ['postgres://u:p@127.0.0.1/d?sslmode=require', { mode: 'disable' }, 'require'],
  ['postgres://u:p@127.0.0.1/d', undefined, undefined],
] as const)('sslmode of a URL makes TLS stricter, never weaker: %s with %o', (url, tls, mode) => {
  expect(tlsOf(url, tls)).toBe(mode)
})
