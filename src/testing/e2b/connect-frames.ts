/** Flag of the frame that ends a stream. */
const END_STREAM = 2
const HEADER_BYTES = 5

/** A message of a stream: one byte of flags, four of length (big-endian), JSON (connectrpc.com/docs/protocol,
 * "Enveloped-Message"). The last one holds `{}`, or `{error: {code, message}}`. */
export function writeFrame(message: unknown, isLast = false): Buffer {
  const json = Buffer.from(JSON.stringify(message))
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(isLast ? END_STREAM : 0, 0)
  header.writeUInt32BE(json.length, 1)
  return Buffer.concat([header, json])
}

/** The message in the body of a request for a stream, which is one frame. Throws a SyntaxError or a RangeError. */
export function readFrame(body: Buffer): unknown {
  const length = body.readUInt32BE(1)
  return JSON.parse(body.toString('utf8', HEADER_BYTES, HEADER_BYTES + length))
}
