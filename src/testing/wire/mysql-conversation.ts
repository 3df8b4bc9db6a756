import { type Answer, type Conversation, GARBAGE, type WireFault } from './conversation.js'

const HEAD = 4
/** Capability flags of the MySQL protocol (include/mysql_com.h). */
const LONG_PASSWORD = 0x1
const CONNECT_WITH_DB = 0x8
const PROTOCOL_41 = 0x200
const SSL = 0x800
const SECURE_CONNECTION = 0x8000
const PLUGIN_AUTH = 0x80000
/** An SSLRequest is a handshake response that ends before the user's name. */
const SSL_REQUEST_BYTES = 32

/** The server's side of the connection phase; https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html */
export class MysqlConversation implements Conversation {
  readonly opening: Uint8Array | undefined
  readonly #fault: WireFault
  #loggedIn = false
  #encrypted = false

  constructor(fault: WireFault) {
    this.#fault = fault
    const greeting = packet(0, greetingBody(fault.kind === 'tls-stall'))
    if (fault.kind === 'garbage') this.opening = GARBAGE
    else if (fault.kind === 'greeting-stall') this.opening = greeting.subarray(0, greeting.length / 2)
    else this.opening = fault.kind === 'accept-stall' ? undefined : greeting
  }

  frame(bytes: Buffer): number {
    if (this.#encrypted) return bytes.length
    return bytes.length < HEAD ? 0 : HEAD + bytes.readUIntLE(0, 3)
  }

  answer(message: Buffer): Answer {
    if (this.#encrypted || this.opening === undefined) return {}
    const sequence = (message[3] ?? 0) + 1
    if (!this.#loggedIn && message.length - HEAD === SSL_REQUEST_BYTES) {
      this.#encrypted = true
      return {}
    }
    if (this.#loggedIn && this.#fault.kind === 'late') return { reply: packet(1, OK) }
    this.#loggedIn = true
    return { ...this.#reply(sequence), authenticates: true }
  }

  #reply(sequence: number): Answer {
    switch (this.#fault.kind) {
      case 'auth-refused':
        return { reply: packet(sequence, ACCESS_DENIED) }
      case 'cleartext':
        return sequence === 2 ? { reply: packet(sequence, CLEARTEXT_REQUEST) } : {}
      case 'late':
        return { reply: packet(sequence, OK) }
      default:
        return {}
    }
  }
}

const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0])
const ACCESS_DENIED = Buffer.concat([Buffer.from([0xff, 0x15, 0x04]), Buffer.from('#28000Access denied', 'ascii')])
const CLEARTEXT_REQUEST = Buffer.concat([Buffer.from([0xfe]), Buffer.from('mysql_clear_password\0\0', 'ascii')])

function greetingBody(tls: boolean): Buffer {
  const capabilities = LONG_PASSWORD | CONNECT_WITH_DB | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | (tls ? SSL : 0)
  const fixed = Buffer.alloc(4 + 9 + 2 + 1 + 2 + 2 + 1 + 10)
  fixed.writeUInt32LE(7, 0) // thread id
  fixed.write('saltsalt', 4, 'ascii')
  fixed.writeUInt16LE(capabilities & 0xffff, 13)
  fixed[15] = 45 // utf8mb4_general_ci
  fixed.writeUInt16LE(2, 16) // autocommit
  fixed.writeUInt16LE(capabilities >>> 16, 18)
  fixed[20] = 21 // length of the salt
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.4.0-fake\0', 'ascii'),
    fixed,
    Buffer.from('saltsaltsalt\0', 'ascii'),
    Buffer.from('mysql_native_password\0', 'ascii'),
  ])
}

function packet(sequence: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD)
  head.writeUIntLE(body.length, 0, 3)
  head[3] = sequence
  return Buffer.concat([head, body])
}
