import type { Answer, Conversation, WireFault } from './conversation.js'

const HEAD_END = '\r\n\r\n'

/** The server's side of HTTP/1.1, as far as one request. There is no login of its own: what authenticates comes with the
 * request, so that a server which reads has it. `cleartext` and `tls-refused` have no meaning here and are silence; a client
 * that speaks TLS is answered to no word of its. */
export class HttpConversation implements Conversation {
  readonly opening = undefined
  readonly #fault: WireFault

  constructor(fault: WireFault) {
    this.#fault = fault
  }

  frame(bytes: Buffer): number {
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return 0
    const length = /^content-length: *(\d+)/im.exec(bytes.toString('latin1', 0, end))?.[1] ?? '0'
    return end + HEAD_END.length + Number(length)
  }

  answer(): Answer {
    switch (this.#fault.kind) {
      case 'greeting-stall':
        return { reply: OK.subarray(0, OK.length / 2) }
      case 'auth-stall':
        return { authenticates: true }
      case 'auth-refused':
        return { reply: UNAUTHORIZED, authenticates: true }
      case 'late':
        return { reply: OK, authenticates: true }
      case 'garbage':
        return { reply: STRANGER }
      default:
        return {}
    }
  }
}

const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'ascii')
const UNAUTHORIZED = Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n', 'ascii')
/** What a server of quite another kind says. */
const STRANGER = Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n', 'ascii')
