import { lookup as dnsLookup } from 'node:dns/promises'
import { isIP, Socket } from 'node:net'
import { AirlockError } from '../errors/index.js'
import { unlessAborted } from './bounded.js'
import type { Endpoint } from './driver.js'

/** Where one TCP or unix socket can be opened. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** One candidate of the attempt loop: an address, and the endpoint that it stands for. */
export interface Candidate {
  readonly endpoint: Endpoint
  readonly address: Address
}

/** How names become addresses; injectable so that tests need no name server. */
export type Lookup = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>

const systemLookup: Lookup = (host) => dnsLookup(host, { all: true, order: 'verbatim' })

/** Every address of every endpoint, in a deterministic order: endpoints as configured, IPv6 before IPv4, duplicates and
 * IPv4-mapped twins once. A name without an address contributes nothing; throws HOST_NOT_FOUND if none has any. */
export async function resolveCandidates(
  endpoints: readonly Endpoint[],
  signal: AbortSignal,
  lookup: Lookup = systemLookup,
): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = []
  let failure: unknown
  for (const endpoint of endpoints) {
    if (endpoint.kind === 'unix') {
      candidates.push({ endpoint, address: { path: endpoint.path } })
      continue
    }
    try {
      for (const host of await addressesOf(endpoint.host, signal, lookup)) {
        candidates.push({ endpoint, address: { host, port: endpoint.port } })
      }
    } catch (error) {
      if (signal.aborted) throw error
      failure ??= error
    }
  }
  if (candidates.length === 0) throw failure ?? new AirlockError('HOST_NOT_FOUND', { phase: 'connect' })
  return candidates
}

async function addressesOf(host: string, signal: AbortSignal, lookup: Lookup): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  const found = await unlessAborted(signal, lookup(host), doNothing, () => signal.reason as Error)
  const plain = found.map(({ address }) => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, ''))
  const unique = [...new Set(plain)]
  return [...unique.filter((address) => isIP(address) === 6), ...unique.filter((address) => isIP(address) === 4)]
}

function doNothing(): void {
  // A DNS query cannot be cancelled; its late answer is dropped.
}

/** How long a connection is silent before the kernel asks whether the other host is still there. */
const KEEP_ALIVE_MS = 10_000

/** Opens one socket. The caller owns what resolves; on failure or abort nothing stays open. */
export async function dial(address: Address, signal: AbortSignal): Promise<Socket> {
  const socket = new Socket()
  const connected = new Promise<Socket>((resolve, reject) => {
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new AirlockError('CONNECT_RESET', { phase: 'connect' })))
  })
  socket.setNoDelay(true)
  // A host that is gone is noticed in any silence: probes from then on, one a second, ten of them (libuv's choice).
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  if ('path' in address) socket.connect({ path: address.path })
  else socket.connect({ host: address.host, port: address.port, autoSelectFamily: false })
  try {
    return await unlessAborted(
      signal,
      connected,
      () => socket.destroy(),
      () => signal.reason as Error,
    )
  } catch (error) {
    socket.destroy()
    throw error
  }
}
