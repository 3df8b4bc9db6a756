import { type Answer, type Conversation, GARBAGE, type WireFault } from './conversation.js'

/** The protocol version that stands for a request for TLS, and the one for a cancel request. */
const SSL_REQUEST = 80877103
const CANCEL_REQUEST = 80877102
const PASSWORD_MESSAGE = 0x70

/** The server's side of the start-up phase; https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-START-UP */
export class PostgresConversation implements Conversation {
  readonly opening = undefined
  readonly #fault: WireFault
  #started = false
  #encrypted = false

  constructor(fault: WireFault) {
    this.#fault = fault
  }

  /** Before the start-up message a message has no type byte. */
  frame(bytes: Buffer): number {
    if (this.#encrypted) return bytes.length
    const typed = this.#started ? 1 : 0
    return bytes.length < typed + 4 ? 0 : typed + bytes.readUInt32BE(typed)
  }

  answer(message: Buffer): Answer {
    const { kind } = this.#fault
    if (this.#encrypted || kind === 'accept-stall') return {}
    if (kind === 'garbage') return { reply: GARBAGE }
    if (this.#started) return this.#afterStart(message)
    const version = message.length < 8 ? 0 : message.readUInt32BE(4)
    if (version === CANCEL_REQUEST) return {}
    if (version === SSL_REQUEST) return this.#tls()
    this.#started = true
    if (kind === 'greeting-stall') return { reply: SCRAM_REQUEST.subarray(0, SCRAM_REQUEST.length / 2) }
    return { reply: kind === 'cleartext' ? CLEARTEXT_REQUEST : SCRAM_REQUEST }
  }

  #tls(): Answer {
    if (this.#fault.kind !== 'tls-stall') return { reply: Buffer.from('N', 'ascii') }
    this.#encrypted = true
    return { reply: Buffer.from('S', 'ascii') }
  }

  #afterStart(message: Buffer): Answer {
    const authenticates = message[0] === PASSWORD_MESSAGE
    switch (this.#fault.kind) {
      case 'auth-refused':
        return { reply: AUTH_FAILED, authenticates }
      case 'late':
        return { reply: LET_IN, authenticates }
      default:
        return { authenticates }
    }
  }
}

const CLEARTEXT_REQUEST = typed('R', int32(3))
const SCRAM_REQUEST = typed('R', Buffer.concat([int32(10), Buffer.from('SCRAM-SHA-256\0\0', 'ascii')]))
const AUTH_FAILED = typed('E', Buffer.from('SFATAL\0VFATAL\0C28P01\0Mrefused\0\0', 'ascii'))
const LET_IN = Buffer.concat([typed('R', int32(0)), typed('Z', Buffer.from('I', 'ascii'))])

function typed(type: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(type, 'ascii'), int32(body.length + 4), body])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
