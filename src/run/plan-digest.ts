import { createHash } from 'node:crypto'
import type { Config } from '../config/config.js'
import type { Pipeline } from '../config/pipeline.js'

/** SHA-256, in hex, of everything that a person who reads a plan relies on: the pipeline with its overrides, how both
 * connections are written, and what must not be moved unmasked. Equal digests run the same; what is in the tables is not
 * part of it. */
export function planDigest(pipeline: Pipeline, config: Pick<Config, 'declaration' | 'denyUnmasked'>): string {
  const ends = [pipeline.source, pipeline.target].map((name) => {
    const { driver, written } = config.declaration(name)
    return [name, driver, written]
  })
  return createHash('sha256')
    .update(JSON.stringify([pipeline, ends, config.denyUnmasked]))
    .digest('hex')
}
