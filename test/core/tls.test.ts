import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TlsConfig } from '../../src/core/config-fields.js'
import type { Endpoint } from '../../src/core/driver.js'
import { isLoopback, resolveTls, serverNameIndication } from '../../src/core/tls.js'
import { AirlockError } from '../../src/errors/index.js'

const tcp = (host: string): Endpoint => ({ kind: 'tcp', host, port: 5432 })
const unix: Endpoint = { kind: 'unix', path: '/run/db' }
const mode = (endpoint: Endpoint, config?: TlsConfig) => resolveTls(config, endpoint)?.mode ?? 'disable'

describe('TLS by default', () => {
  it.each(['127.0.0.1', '127.255.0.9', '::1', 'localhost'])('is off for %s', (host) => {
    expect(isLoopback(host)).toBe(true)
    expect(mode(tcp(host))).toBe('disable')
    expect(mode(tcp(host), {})).toBe('disable')
    expect(mode(tcp(host), { mode: 'require' })).toBe('require')
  })

  it.each([
    'db.example.com',
    '10.0.0.5',
    '192.168.1.1',
    '0.0.0.0',
    '::',
    'fe80::1',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '1127.0.0.1',
    'LOCALHOST.',
  ])('is verify-full for %s', (host) => {
    expect(isLoopback(host)).toBe(false)
    expect(mode(tcp(host))).toBe('verify-full')
    expect(mode(tcp(host), { mode: 'disable' })).toBe('disable')
  })

  it('is off for a unix socket', () => {
    expect(mode(unix)).toBe('disable')
    expect(resolveTls({ mode: 'verify-full' }, unix)?.serverName).toBe('localhost')
  })
})

describe('TLS settings', () => {
  it('verify unless told otherwise, and the name under verify-full only', () => {
    const settings = (chosen: TlsConfig['mode']) =>
      resolveTls({ ...(chosen === undefined ? {} : { mode: chosen }) }, tcp('db.example.com'))!
    expect(settings(undefined).options.rejectUnauthorized).toBe(true)
    expect(settings('verify-ca').options.rejectUnauthorized).toBe(true)
    expect(settings('require').options.rejectUnauthorized).toBe(false)
    const certificate = { subject: { CN: 'other' }, subjectaltname: 'DNS:other.example.com' } as never
    const check = (chosen: TlsConfig['mode']) => settings(chosen).options.checkServerIdentity?.('ignored', certificate)
    expect(check('verify-full')).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect(check('verify-ca')).toBeUndefined()
    // The configured name counts, not the one that a library passes.
    const named = resolveTls({ server_name: 'other.example.com' }, tcp('db.example.com'))!
    expect(named.options.checkServerIdentity?.('db.example.com', certificate)).toBeUndefined()
  })

  it('send no address as server name', () => {
    expect(serverNameIndication(resolveTls({ mode: 'require' }, tcp('10.0.0.5'))!)).toBeUndefined()
    expect(serverNameIndication(resolveTls({ mode: 'require' }, tcp('db.example.com'))!)).toBe('db.example.com')
  })

  it('take a certificate as text, and name the setting of a file that cannot be read, not the file', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'
    expect(resolveTls({ ca: pem }, tcp('db.example.com'))?.options.ca).toBe(pem)
    let error: unknown
    try {
      resolveTls({ key: '/nowhere/secret-place.key' }, tcp('db.example.com'))
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(AirlockError)
    expect((error as AirlockError).code).toBe('CONFIG_INVALID')
    expect((error as AirlockError).message).toContain('tls.key')
    expect(JSON.stringify(error)).not.toContain('secret-place')
  })
})

// Seen red without the look at the mode of the file.
it('refuses a private key that other users can read, and takes one that they cannot', () => {
  const folder = mkdtempSync(join(tmpdir(), 'airlock-key-'))
  const key = join(folder, 'key.pem')
  try {
    writeFileSync(key, 'a key', { mode: 0o600 })
    expect(resolveTls({ mode: 'require', key }, tcp('db.example.com'))?.options.key).toBe('a key')
    chmodSync(key, 0o640)
    expect(() => resolveTls({ mode: 'require', key }, tcp('db.example.com'))).toThrow(
      expect.objectContaining({ code: 'SECRET_FILE_OPEN' }),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
