import type { Batch, Column } from '../../../core/batch.js'
import type {
  Extraction,
  ExtractRequest,
  OpenContext,
  Session,
  SourceDescription,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from '../../../core/driver.js'
import { RestCatalog } from './catalog.js'
import { RestClient } from './client.js'
import type { SupabaseRestConfig } from './config.js'
import { describeSource, extractPages } from './extractor.js'
import { outlineWrite, writeRows } from './writer.js'

/** An API that has taken our key. Owns the HTTP client and whatever sockets that opened. */
export class RestSession implements Session {
  #client: RestClient
  #catalog: RestCatalog
  #pageRows: number

  private constructor(client: RestClient, config: SupabaseRestConfig) {
    this.#client = client
    this.#catalog = new RestCatalog(client, config.primary_keys)
    this.#pageRows = config.page_rows
  }

  /** Proves the key over the attempt's socket. */
  static async open(config: SupabaseRestConfig, context: OpenContext): Promise<RestSession> {
    const client = await RestClient.open(config, context)
    const session = new RestSession(client, config)
    try {
      await session.ping(context.signal)
      return session
    } catch (error) {
      await client.destroy()
      throw error
    }
  }

  describe(request: ExtractRequest, signal: AbortSignal): Promise<SourceDescription> {
    return describeSource(this.#catalog, request, this.#pageRows, signal)
  }

  extract(request: ExtractRequest, signal: AbortSignal): Extraction {
    return extractPages(this.#client, this.#catalog, request, this.#pageRows, signal)
  }

  outline(plan: WritePlan, columns: readonly Column[], signal: AbortSignal): Promise<WriteOutline> {
    return outlineWrite(this.#catalog, plan, columns, signal)
  }

  write(plan: WritePlan, batches: AsyncIterable<Batch>, signal: AbortSignal): Promise<WriteReceipt> {
    return writeRows(this.#client, this.#catalog, plan, batches, this.#pageRows, signal)
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#client.text({ method: 'HEAD', path: '/', headers: {}, repeatable: false }, signal)
  }

  async reset(): Promise<void> {
    // The API keeps nothing between two requests.
  }

  async close(): Promise<void> {
    await this.#client.destroy()
  }
}
