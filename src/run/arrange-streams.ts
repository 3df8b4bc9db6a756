import type { Pipeline, PipelineStream } from '../config/pipeline.js'
import { isPlainName } from '../config/place.js'
import type { Catalog } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'
import { parseTableName } from '../core/table-name.js'
import { AirlockError } from '../errors/index.js'
import { expandStreams, hasWildcards, wildcardSchema } from './expand-streams.js'
import type { SessionPools } from './session-pools.js'
import { type CatalogSide, orderStreams, type StreamOrder } from './stream-order.js'
import type { Workspace } from './workspace.js'

/** What a run does, in which order. */
export interface Arrangement extends StreamOrder {
  readonly streams: readonly PipelineStream[]
}

/** The streams of a run without wildcards and with the order that foreign keys demand. Catalogues are asked only where it
 * matters: for wildcards, and for more than one stream. Where a catalogue cannot be read, streams keep the order of the
 * file and `onProblem` is told. Throws USAGE for a name in `chosen` that no stream has, and what `expandStreams` throws. */
export async function arrangeStreams(
  workspace: Workspace,
  pipeline: Pipeline,
  pools: SessionPools,
  chosen: readonly string[] | undefined,
  signal: AbortSignal,
  onProblem: (error: unknown) => void,
): Promise<Arrangement> {
  const sourceSchema = await workspace.ownSchema(pipeline.source)
  const expanded = hasWildcards(pipeline)
    ? expandStreams(
        pipeline,
        await pools.useOne('source', signal, async (source) => {
          const schema = wildcardSchema(pipeline) ?? sourceSchema
          return await source.discover(schema === undefined ? {} : { schema }, signal)
        }),
        sourceSchema,
      )
    : pipeline
  const streams = chosenStreams(expanded, chosen)
  if (streams.length < 2) return { streams, parents: new Map(), cycles: [] }
  const source = { tableOf: ({ table }: PipelineStream) => table, defaultSchema: sourceSchema }
  const targetSchema = await workspace.ownSchema(pipeline.target)
  const target = { tableOf: ({ targetTable }: PipelineStream) => targetTable, defaultSchema: targetSchema }
  const sides: CatalogSide[] = []
  for (const [end, side] of [['source', source] as const, ['target', target] as const]) {
    try {
      const catalog = await pools.useOne(end, signal, (session) => catalogOf(session, streams, side, signal))
      if (catalog !== undefined) sides.push({ ...side, catalog })
    } catch (error) {
      onProblem(error)
    }
  }
  return { streams, ...orderStreams(streams, sides) }
}

/** The streams to run: those that are chosen, or all that are not disabled. Throws USAGE for an unknown name. */
export function chosenStreams(pipeline: Pipeline, names: readonly string[] | undefined): readonly PipelineStream[] {
  const enabled = pipeline.streams.filter((stream) => !stream.disabled)
  if (names === undefined) return enabled
  const unknown = names.find((name) => !pipeline.streams.some((stream) => stream.name === name))
  if (unknown !== undefined) {
    // Whatever was typed in its place may be a secret.
    const name = isPlainName(unknown) ? unknown : '(this is no name)'
    throw new AirlockError('USAGE', { phase: 'config', params: { problem: `the pipeline has no stream ${name}` } })
  }
  return enabled.filter((stream) => names.includes(stream.name))
}

async function catalogOf(
  session: ManagedSession,
  streams: readonly PipelineStream[],
  side: Omit<CatalogSide, 'catalog'>,
  signal: AbortSignal,
): Promise<Catalog | undefined> {
  if (!session.capabilities.discover) return undefined
  const tables = streams.flatMap((stream) => side.tableOf(stream) ?? [])
  const schemas = new Set(tables.map((table) => parseTableName(table).schema ?? side.defaultSchema))
  const [only] = schemas
  return await session.discover(schemas.size === 1 && only !== undefined ? { schema: only } : {}, signal)
}
