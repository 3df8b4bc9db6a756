import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { type CertificateOptions, makeCertificates } from '../../../src/testing/engines/certificates.js'

/** What a verifying TLS client says of a server with these certificates, when it expects `servername`. */
async function handshake(options: CertificateOptions, servername: string, trusted?: string): Promise<string> {
  const made = makeCertificates(options)
  const server = createServer({ cert: made.cert, key: made.key }, (socket) => socket.end())
  server.on('tlsClientError', (_, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port, servername, ca: trusted ?? made.ca })
  try {
    return await new Promise((resolve) => {
      client.once('secureConnect', () => resolve('trusted'))
      client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  } finally {
    client.destroy()
    server.close()
  }
}

describe('makeCertificates', () => {
  const names = ['localhost', 'db.airlock.test']

  it('makes a version 3 authority and a server certificate signed by it', () => {
    const made = makeCertificates({ names })
    const ca = new X509Certificate(made.ca)
    const cert = new X509Certificate(made.cert)
    expect(ca.ca).toBe(true)
    expect(ca.verify(ca.publicKey)).toBe(true)
    expect(cert.ca).toBe(false)
    expect(cert.verify(ca.publicKey)).toBe(true)
    expect(cert.subjectAltName).toBe('DNS:localhost, DNS:db.airlock.test')
    expect(cert.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/)
    expect(Date.parse(cert.validTo) - Date.now()).toBeGreaterThan(29 * 86_400_000)
  })

  it('stands a handshake, and fails one for a wrong name, an old date or an unknown authority', async () => {
    expect(await handshake({ names }, 'db.airlock.test')).toBe('trusted')
    expect(await handshake({ names }, 'other.airlock.test')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await handshake({ names, expired: true }, 'localhost')).toBe('CERT_HAS_EXPIRED')
    expect(await handshake({ names }, 'localhost', makeCertificates({ names }).ca)).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    )
  })
})
