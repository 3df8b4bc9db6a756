/** The few ASN.1 DER encodings (ITU-T X.690) that an X.509 certificate needs. */

export type Der = Buffer

/** One tag-length-value element around its parts. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Der {
  const body = Buffer.concat(parts)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  const significant = length.subarray(length.findIndex((byte) => byte !== 0))
  return Buffer.concat([Buffer.from([tag, 0x80 | significant.length]), significant, body])
}

export const sequence = (...parts: readonly Uint8Array[]): Der => element(0x30, ...parts)
export const set = (...parts: readonly Uint8Array[]): Der => element(0x31, ...parts)
export const octets = (bytes: Uint8Array): Der => element(0x04, bytes)
export const bits = (bytes: Uint8Array, unused = 0): Der => element(0x03, Buffer.from([unused]), bytes)
export const utf8 = (text: string): Der => element(0x0c, Buffer.from(text, 'utf8'))
export const truth = (): Der => element(0x01, Buffer.from([0xff]))

/** A non-negative INTEGER from its big-endian bytes. */
export function integer(bytes: Uint8Array): Der {
  return element(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

/** An OBJECT IDENTIFIER in dotted form. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift(0x80 | (high & 0x7f))
    bytes.push(...groups)
  }
  return element(0x06, Buffer.from(bytes))
}

/** A GeneralizedTime in whole seconds. RFC 5280 asks for UTCTime before 2050. */
export function time(date: Date): Der {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '')
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2), 'ascii'))
    : element(0x18, Buffer.from(digits, 'ascii'))
}
