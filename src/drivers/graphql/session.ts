import type { Batch, Column } from '../../core/batch.js'
import type {
  Catalog,
  DiscoverRequest,
  Extraction,
  ExtractRequest,
  OpenContext,
  Session,
  SourceDescription,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from '../../core/driver.js'
import type { GraphqlConfig } from './config.js'
import { discoverTables } from './discovery.js'
import { GraphqlTransport } from './http/client.js'
import { describeSource, extractRecords } from './read/extractor.js'
import { SchemaSource } from './schema.js'
import { resolveTarget } from './write/target.js'
import { outlineWrite, writeRows } from './write/writer.js'

/** An API that has answered our credential. Owns the HTTP clients and whatever sockets those opened. */
export class GraphqlSession implements Session {
  readonly #transport: GraphqlTransport
  readonly #schemas: SchemaSource
  readonly #config: GraphqlConfig

  private constructor(transport: GraphqlTransport, config: GraphqlConfig) {
    this.#transport = transport
    this.#schemas = new SchemaSource(transport, config.introspection === 'auto')
    this.#config = config
  }

  /** Proves the credential over the attempt's socket. */
  static async open(config: GraphqlConfig, context: OpenContext): Promise<GraphqlSession> {
    const transport = await GraphqlTransport.open(config, context)
    const session = new GraphqlSession(transport, config)
    try {
      await session.ping(context.signal)
      return session
    } catch (error) {
      await transport.destroy()
      throw error
    }
  }

  describe(request: ExtractRequest, signal: AbortSignal): Promise<SourceDescription> {
    return describeSource(this.#schemas, request, this.#config.page_size, signal)
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    return extractRecords(this.#transport, this.#schemas, request, this.#config.page_size, signal)
  }

  async outline(plan: WritePlan, columns: readonly Column[], signal: AbortSignal): Promise<WriteOutline> {
    return outlineWrite(await resolveTarget(this.#schemas, this.#config, plan, columns, signal))
  }

  write(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt> {
    const resolve = (columns: readonly Column[]) => resolveTarget(this.#schemas, this.#config, plan, columns, signal)
    return writeRows(this.#transport, resolve, plan, batches, signal)
  }

  discover(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog> {
    return discoverTables(this.#schemas, request, signal)
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#transport.execute({ document: '{ __typename }', repeatable: false }, signal)
  }

  async reset(): Promise<void> {
    // The API keeps nothing between two requests.
  }

  async close(): Promise<void> {
    await this.#transport.destroy()
  }
}
