import { isIP } from 'node:net'
import { Refusal } from './refusal.js'

/** Who may be reached from a sandbox, as the API has it. Checked and kept by this server, not enforced. */
export interface E2BNetwork {
  /** Addresses, ranges and domains. */
  readonly allowOut?: readonly string[]
  /** Addresses and ranges only. */
  readonly denyOut?: readonly string[]
  readonly [more: string]: unknown
}

const ALL_TRAFFIC = '0.0.0.0/0'

/** The network of a request, undefined where it names none. Refuses with 400 what E2B's API refuses: a domain in
 * `denyOut`; a domain in `allowOut` unless `denyOut` has `0.0.0.0/0` (github.com/e2b-dev/infra, sandbox_create.go). */
export function networkOf(value: unknown): E2BNetwork | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') throw Refusal.http(400, 'network must be an object')
  const network = value as E2BNetwork
  const denyOut = listOf(network.denyOut, 'denyOut')
  const allowOut = listOf(network.allowOut, 'allowOut')
  const denied = denyOut.find((entry) => !isAddress(entry))
  if (denied !== undefined) throw Refusal.http(400, `invalid denied CIDR ${denied}`)
  if (allowOut.some((entry) => !isAddress(entry)) && !denyOut.includes(ALL_TRAFFIC)) {
    throw Refusal.http(
      400,
      "When specifying allowed domains in allow out, you must include 'ALL_TRAFFIC' in deny out to block all other traffic.",
    )
  }
  return network
}

function listOf(value: unknown, name: string): readonly string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value
  throw Refusal.http(400, `${name} must be an array of strings`)
}

/** An IP address or a range in CIDR notation (RFC 4632, RFC 4291). */
function isAddress(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
