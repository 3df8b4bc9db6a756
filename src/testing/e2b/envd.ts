import { downloadFile } from './envd-download.js'
import { FILESYSTEM_CALLS } from './envd-filesystem.js'
import { followCommand, PROCESS_CALLS, startCommand } from './envd-process.js'
import { uploadFiles } from './envd-upload.js'
import type { Exchange } from './exchange.js'
import type { E2BPoint } from './faults.js'
import type { Fleet } from './fleet.js'
import { Refusal } from './refusal.js'
import type { Sandbox } from './sandbox.js'
import { isExpired, type SignedLink } from './signed-link.js'

interface Route {
  readonly at: E2BPoint
  readonly protocol: Exchange['protocol']
}

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /health': { at: 'health', protocol: 'rest' },
  'GET /envs': { at: 'envs', protocol: 'rest' },
  'GET /files': { at: 'download', protocol: 'rest' },
  'POST /files': { at: 'upload', protocol: 'rest' },
  'POST /filesystem.Filesystem/Stat': { at: 'stat', protocol: 'rpc' },
  'POST /filesystem.Filesystem/ListDir': { at: 'listDir', protocol: 'rpc' },
  'POST /filesystem.Filesystem/MakeDir': { at: 'makeDir', protocol: 'rpc' },
  'POST /filesystem.Filesystem/Move': { at: 'move', protocol: 'rpc' },
  'POST /filesystem.Filesystem/Remove': { at: 'remove', protocol: 'rpc' },
  'POST /process.Process/Start': { at: 'start', protocol: 'rpc-stream' },
  'POST /process.Process/Connect': { at: 'reattach', protocol: 'rpc-stream' },
  'POST /process.Process/List': { at: 'processes', protocol: 'rpc' },
  'POST /process.Process/SendInput': { at: 'stdin', protocol: 'rpc' },
  'POST /process.Process/CloseStdin': { at: 'closeStdin', protocol: 'rpc' },
  'POST /process.Process/SendSignal': { at: 'signal', protocol: 'rpc' },
}

/** What answers inside the sandboxes: files, the file system and processes. One address serves all of them; the header
 * `E2b-Sandbox-Id` says whose envd is meant, or the signature of a link. */
export class Envd {
  readonly #fleet: Fleet

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  route(method: string, path: string): Route | undefined {
    const key = `${method} ${path}`
    return Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined
  }

  async handle(exchange: Exchange): Promise<void> {
    const sandbox = this.#sandboxOf(exchange)
    exchange.record.sandbox = sandbox.id
    sandbox.replies.add(exchange.response)
    exchange.response.once('close', () => sandbox.replies.delete(exchange.response))
    await this.#act(exchange, sandbox)
  }

  /** Refuses what `route` does not know: terminals, watchers, file composition and the like. */
  refuse(path: string): never {
    throw Refusal.rpc('unimplemented', `${path} is not part of this server`)
  }

  #act(exchange: Exchange, sandbox: Sandbox): Promise<void> {
    switch (exchange.at) {
      case 'health':
        return exchange.answer(async () => ({ status: 204 }))
      case 'envs':
        return exchange.answer(async () => ({ status: 200, body: sandbox.spec.envs }))
      case 'download':
        return downloadFile(exchange as Exchange<'download'>, sandbox)
      case 'upload':
        return uploadFiles(exchange as Exchange<'upload'>, sandbox)
      case 'start':
        return startCommand(exchange as Exchange<'start'>, sandbox, this.#fleet)
      case 'reattach':
        return followCommand(exchange as Exchange<'reattach'>, sandbox, this.#fleet)
      default: {
        const call = { ...FILESYSTEM_CALLS, ...PROCESS_CALLS }[exchange.at]
        return call === undefined ? this.refuse(exchange.url.pathname) : call(exchange, sandbox)
      }
    }
  }

  /** Refuses as E2B does: a sandbox that is not running with 502, whatever was asked; then who may not ask. */
  #sandboxOf(exchange: Exchange): Sandbox {
    const link = exchange.url.pathname === '/files' ? linkOf(exchange) : undefined
    const named = exchange.header('e2b-sandbox-id')
    const sandbox = named === undefined ? this.#signerOf(link) : this.#fleet.find(named)
    if (sandbox?.state !== 'running') throw notRunning(sandbox?.id ?? named ?? '')
    const { token } = sandbox.spec
    if (token === undefined || exchange.at === 'health') return sandbox
    const given = exchange.header('x-access-token')
    if (given === token) return sandbox
    if (given !== undefined) throw Refusal.http(401, 'access token present in header but does not match')
    if (link === undefined) throw Refusal.http(401, 'neither a valid access token nor a signature')
    if (this.#fleet.findBySignature(link) !== sandbox) throw Refusal.http(401, 'invalid signature')
    if (isExpired(link)) throw Refusal.http(401, 'signature is already expired')
    return sandbox
  }

  #signerOf(link: SignedLink | undefined): Sandbox {
    const signer = link === undefined ? undefined : this.#fleet.findBySignature(link)
    if (signer === undefined) throw Refusal.http(401, 'no sandbox is named, and none has signed this')
    return signer
  }
}

function notRunning(sandboxId: string): Refusal {
  const message = 'The sandbox was not found'
  return new Refusal({ status: 502, body: { sandboxId, message, code: 502 } }, message)
}

function linkOf(exchange: Exchange): SignedLink | undefined {
  const signature = exchange.query('signature')
  if (signature === null) return undefined
  return {
    path: exchange.query('path') ?? '',
    operation: exchange.at === 'download' ? 'read' : 'write',
    username: exchange.query('username') ?? '',
    signature,
    expiration: exchange.query('signature_expiration'),
  }
}
