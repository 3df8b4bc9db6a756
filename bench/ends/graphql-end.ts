import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ServedTable } from '../graphql/server.js'
import { cpuSeconds } from '../measure/process-tree.js'
import type { End } from './end.js'

const SERVER = fileURLToPath(new URL('../graphql/server.ts', import.meta.url))

/** Rows that one request asks for. */
export const PAGE_SIZE = 1000

/** A GraphQL service as the source of a route: a process of its own on the loopback address, without TLS. */
export class GraphqlEnd implements End {
  readonly driver = 'graphql'
  readonly address: End['address']
  readonly password = undefined
  readonly tls = undefined
  readonly #process: ChildProcess

  private constructor(server: ChildProcess, port: number) {
    this.#process = server
    this.address = { endpoint: `http://127.0.0.1:${port}/graphql`, page_size: PAGE_SIZE }
  }

  /** Throws an Error where the process ends before it listens. */
  static async start(served: ServedTable, signal: AbortSignal): Promise<GraphqlEnd> {
    const server = fork(SERVER, [JSON.stringify(served)], {
      execArgv: ['--import', import.meta.resolve('tsx')],
      signal,
    })
    const first = await Promise.race([once(server, 'message'), once(server, 'exit')])
    const [message] = first as [{ readonly port?: number } | number]
    if (typeof message !== 'object' || message?.port === undefined) throw new Error('the GraphQL service did not start')
    return new GraphqlEnd(server, message.port)
  }

  get cpuSeconds(): number {
    return this.#process.pid === undefined ? 0 : cpuSeconds(this.#process.pid)
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}
