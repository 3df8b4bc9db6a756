import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { AirlockError } from '../errors/index.js'
import type { TlsConfig } from './config-fields.js'
import type { Endpoint, TlsSettings } from './driver.js'

/** Loopback by its literal address or by the one name that RFC 6761 reserves for it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** What TLS a connection to this endpoint uses, or undefined for none. Off only where it is configured so, or by default
 * for loopback and unix sockets; `verify-full` by default everywhere else. Reads `ca`, `cert` and `key` from their files.
 * Throws CONFIG_INVALID for a file that cannot be read. */
export function resolveTls(config: TlsConfig | undefined, endpoint: Endpoint): TlsSettings | undefined {
  const local = endpoint.kind === 'unix' || isLoopback(endpoint.host)
  const mode = config?.mode ?? (local ? 'disable' : 'verify-full')
  if (mode === 'disable') return undefined
  const serverName = config?.server_name ?? (endpoint.kind === 'unix' ? 'localhost' : endpoint.host)
  return {
    mode,
    serverName,
    options: {
      ...pem('ca', config?.ca),
      ...pem('cert', config?.cert),
      ...pem('key', config?.key),
      rejectUnauthorized: mode !== 'require',
      // The name is checked against what was configured, never against the address that was dialled.
      checkServerIdentity: (_, certificate) =>
        mode === 'verify-full' ? checkServerIdentity(serverName, certificate) : undefined,
    },
  }
}

/** TLS clients may not send an IP address as the server name (RFC 6066 section 3). */
export function serverNameIndication(tls: TlsSettings): string | undefined {
  return isIP(tls.serverName) === 0 ? tls.serverName : undefined
}

function pem(field: 'ca' | 'cert' | 'key', value: string | undefined): Record<string, string> {
  if (value === undefined) return {}
  if (value.startsWith('-----BEGIN')) return { [field]: value }
  try {
    if (field === 'key') refuseOpenKey(value)
    return { [field]: readFileSync(value, 'utf8') }
  } catch (error) {
    if (error instanceof AirlockError) throw error
    throw new AirlockError('CONFIG_INVALID', {
      phase: 'config',
      params: { at: `tls.${field}`, problem: 'the file cannot be read' },
    })
  }
}

/** A private key that other users can read is no secret any more. */
function refuseOpenKey(path: string): void {
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new AirlockError('SECRET_FILE_OPEN', { phase: 'config', params: { at: 'tls.key' } })
  }
}
