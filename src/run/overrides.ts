import type { Pipeline, PipelineStream } from '../config/pipeline.js'
import { AirlockError } from '../errors/index.js'

/** Settings of one run that stand above those of the pipeline file, for all streams of the run. */
export type StreamOverrides = Partial<
  Pick<PipelineStream, 'mode' | 'strategy' | 'primaryKey' | 'cursor' | 'window' | 'contract'>
>

/** A pipeline with these settings in all of its streams, of which `chosen` will run. A strategy goes with its mode: another
 * mode forgets it. Throws USAGE for a window over a stream without a cursor, which would be read whole. */
export function withOverrides(
  pipeline: Pipeline,
  overrides: StreamOverrides,
  chosen: readonly string[] | undefined,
): Pipeline {
  const streams = pipeline.streams.map((stream): PipelineStream => {
    const { strategy, ...rest } = stream
    const kept = overrides.mode !== undefined && overrides.mode !== stream.mode ? rest : stream
    const runs =
      !stream.disabled && (chosen === undefined || stream.wildcard !== undefined || chosen.includes(stream.name))
    return runs ? { ...kept, ...overrides } : stream
  })
  if (overrides.window !== undefined) {
    const whole = streams.find((stream) => stream.window === overrides.window && stream.cursor === undefined)
    if (whole !== undefined) {
      const problem = `--interval-start and --interval-end are bounds of the cursor, and the stream ${whole.name} has none: choose others with --streams, or give it a cursor`
      throw new AirlockError('USAGE', { phase: 'config', params: { problem } })
    }
  }
  return { ...pipeline, streams }
}
