/** The parts of mysql2's connection that handle packets. */
export interface PacketReceiver {
  sequenceId: number
  /** Packets are kept for later, and counted then. */
  readonly _paused: boolean
  handlePacket(packet?: Packet): void
  emit(event: 'error', error: Error): boolean
  destroy(): void
}

interface Packet {
  readonly sequenceId: number
  /** Type of the packet: its first byte. */
  peekByte(): number
}

const ERROR_PACKET = 0xff

/** What a server says first: a greeting of version 10 of the protocol, or an error; as packet number 0, or a number that
 * errors before the login have had. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html */
export function opensHandshake(first: Uint8Array): boolean {
  const [, , , sequence = 0, type = 10] = first
  return type === ERROR_PACKET ? sequence < 4 : sequence === 0 && type === 10
}

/** Ends the connection at the first packet that is out of order. mysql2 would write a warning to stderr and go on with it,
 * as if nothing were lost. Errors that a server sends unasked begin to count anew, and are taken. */
export function refuseForeignPackets(receiver: PacketReceiver): void {
  const handlePacket = receiver.handlePacket
  let refused = false
  receiver.handlePacket = (packet) => {
    if (refused) return
    if (packet !== undefined && !receiver._paused && packet.sequenceId !== receiver.sequenceId) {
      if (packet.peekByte() === ERROR_PACKET) {
        receiver.sequenceId = packet.sequenceId
      } else {
        refused = true
        receiver.emit('error', Object.assign(new Error('packet'), { code: 'PROTOCOL_PACKETS_OUT_OF_ORDER' }))
        receiver.destroy()
        return
      }
    }
    handlePacket.call(receiver, packet)
  }
}
