import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { bits, type Der, element, integer, octets, oid, sequence, set, time, truth, utf8 } from './der.js'

/** PEM texts of an authority's certificate, and of a server's certificate and key. */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** DNS names of the server; never an address, so that name checks can be told from address checks. */
  readonly names: readonly string[]
  /** The server's certificate ended an hour ago. */
  readonly expired?: boolean
}

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const DAY_MS = 86_400_000

/** Makes an authority and a server certificate signed by it (X.509 v3, RFC 5280; ECDSA P-256 with SHA-256), valid for
 * 30 days. Written here because node:crypto makes no certificates and a bare machine has no openssl command. The key
 * of the authority is forgotten at once. */
export function makeCertificates(options: CertificateOptions): Certificates {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = name(`Airlock test authority ${randomBytes(4).toString('hex')}`)
  const notBefore = new Date(Date.now() - 2 * DAY_MS)
  const notAfter = new Date(Date.now() + 30 * DAY_MS)
  const ca = certificate({
    issuer,
    subject: issuer,
    publicKey: authority.publicKey,
    signer: authority.privateKey,
    notBefore,
    notAfter,
    extensions: [
      extension('2.5.29.19', true, sequence(truth())), // basicConstraints: a CA
      extension('2.5.29.15', true, bits(Buffer.from([0x06]), 1)), // keyUsage: sign certificates and CRLs
    ],
  })
  const cert = certificate({
    issuer,
    subject: name(options.names[0] ?? 'localhost'),
    publicKey: server.publicKey,
    signer: authority.privateKey,
    notBefore,
    notAfter: options.expired === true ? new Date(Date.now() - 3_600_000) : notAfter,
    extensions: [
      extension('2.5.29.15', true, bits(Buffer.from([0x80]), 7)), // keyUsage: digital signature
      extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))), // extKeyUsage: server authentication
      extension('2.5.29.17', false, sequence(...options.names.map((dns) => element(0x82, Buffer.from(dns, 'ascii'))))),
    ],
  })
  return {
    ca: pem(ca),
    cert: pem(cert),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

interface CertificateParts {
  readonly issuer: Der
  readonly subject: Der
  readonly publicKey: KeyObject
  readonly signer: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Der[]
}

function certificate(parts: CertificateParts): Der {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const signed = sequence(
    element(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    ECDSA_SHA256,
    parts.issuer,
    sequence(time(parts.notBefore), time(parts.notAfter)),
    parts.subject,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...parts.extensions)),
  )
  return sequence(signed, ECDSA_SHA256, bits(sign('sha256', signed, parts.signer)))
}

function name(commonName: string): Der {
  return sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))))
}

function extension(id: string, critical: boolean, value: Der): Der {
  return critical ? sequence(oid(id), truth(), octets(value)) : sequence(oid(id), octets(value))
}

function pem(der: Der): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
