import type { Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { TlsConfig } from '../../../core/config-fields.js'
import { dial, type Lookup, resolveCandidates } from '../../../core/dial.js'
import type { TlsSettings } from '../../../core/driver.js'
import { resolveTls, serverNameIndication } from '../../../core/tls.js'
import { AirlockError } from '../../../errors/index.js'
import type { HttpAddress } from './address.js'

/** The socket under TLS, where the connection uses it. Destroys it when the handshake fails or the signal aborts. */
export async function secured(
  socket: Socket,
  tls: TlsSettings | undefined,
  signal: AbortSignal,
): Promise<Socket | TLSSocket> {
  if (tls === undefined) return socket
  const servername = serverNameIndication(tls)
  const secure = connectTls({
    socket,
    ...tls.options,
    ALPNProtocols: ['http/1.1'],
    ...(servername === undefined ? {} : { servername }),
  })
  return await new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      reject(error)
    }
    const abort = () => fail(signal.reason as Error)
    secure.once('error', fail)
    secure.once('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
    secure.once('secureConnect', () => {
      signal.removeEventListener('abort', abort)
      secure.off('error', fail)
      resolve(secure)
    })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

/** TLS for an address, by its scheme and the connection's settings. Throws CONFIG_INVALID where they contradict. */
export function tlsFor(address: HttpAddress, config: TlsConfig | undefined, field: string): TlsSettings | undefined {
  const tls = resolveTls(config, { kind: 'tcp', host: address.host, port: address.port })
  if (address.secure !== (tls !== undefined)) {
    const problem = 'https needs TLS, and http is only for loopback or `tls: {mode: disable}`'
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: field, problem } })
  }
  return tls
}

/** A socket to the first address of a host that accepts. `lookup` replaces the system's name resolution. */
export async function dialHost(
  { host, port }: HttpAddress,
  signal: AbortSignal,
  lookup: Lookup | undefined,
): Promise<Socket> {
  let failure: unknown
  for (const { address } of await resolveCandidates([{ kind: 'tcp', host, port }], signal, lookup)) {
    try {
      return await dial(address, signal)
    } catch (error) {
      if (signal.aborted) throw error
      failure = error
    }
  }
  throw failure
}
