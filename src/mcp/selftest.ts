import { InMemoryTransport, type JSONRPCMessage, LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/server'
import { AirlockError } from '../errors/index.js'
import { createServer } from './create-server.js'
import type { ServerState } from './server-state.js'

/** One thing that a selftest looked at. */
export interface SelftestStep {
  readonly step: string
  readonly ok: boolean
  readonly milliseconds: number
}

type Reply = Readonly<Record<string, unknown>>

const STEP_MS = 5000

/** Asks a server in this process what a client would ask first: who it is, its tools, its resources, one call of a tool and
 * one read, and an address that does not exist. Connects to no database. */
export async function selftest(state: ServerState): Promise<readonly SelftestStep[]> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  const client = new PlainClient(ours)
  await createServer(state).connect(theirs)
  await ours.start()
  const steps: SelftestStep[] = []
  const step = async (name: string, method: string, params: Reply, good: (result: Reply) => boolean) => {
    const started = performance.now()
    const result = await client.ask(method, params)
    steps.push({ step: name, ok: good(result), milliseconds: Math.round(performance.now() - started) })
  }
  const clientInfo = { name: 'airlock-selftest', version: state.version }
  const hello = { protocolVersion: LATEST_PROTOCOL_VERSION, capabilities: {}, clientInfo }
  await step('initialize', 'initialize', hello, (result) => 'serverInfo' in result)
  await ours.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  await step('tools', 'tools/list', {}, ({ tools }) => Array.isArray(tools) && tools.length > 0)
  await step('resources', 'resources/templates/list', {}, (result) => Array.isArray(result['resourceTemplates']))
  const call = { name: 'connections_list', arguments: {} }
  await step('a call', 'tools/call', call, (result) => 'structuredContent' in result)
  const runs = { name: 'runs_list', arguments: { limit: 1 } }
  await step('a child', 'tools/call', runs, (result) => 'structuredContent' in result)
  await step('a read', 'resources/read', { uri: 'airlock://errors' }, ({ contents }) => Array.isArray(contents))
  const nowhere = { uri: `airlock://discovery/nothing/${'0'.repeat(32)}` }
  await step('an unknown address', 'resources/read', nowhere, (result) => 'code' in result)
  await ours.close()
  return steps
}

/** Just enough of a client: one request at a time. */
class PlainClient {
  readonly #transport: InMemoryTransport
  #next = 1
  #waiting: ((message: JSONRPCMessage) => void) | undefined

  constructor(transport: InMemoryTransport) {
    this.#transport = transport
    transport.onmessage = (message) => {
      if ('id' in message) this.#waiting?.(message)
    }
  }

  /** The result, or the error, of one request. Throws DEADLINE_EXCEEDED. */
  async ask(method: string, params: Reply): Promise<Reply> {
    let timer: NodeJS.Timeout | undefined
    const reply = new Promise<JSONRPCMessage>((resolve, reject) => {
      this.#waiting = resolve
      timer = setTimeout(() => reject(new AirlockError('DEADLINE_EXCEEDED', { phase: 'run' })), STEP_MS)
    })
    try {
      await this.#transport.send({ jsonrpc: '2.0', id: this.#next++, method, params })
      const message = await reply
      if ('result' in message) return message.result as Reply
      return 'error' in message ? (message.error as unknown as Reply) : {}
    } finally {
      clearTimeout(timer)
    }
  }
}
