import type { Batch } from '../../../core/batch.js'
import { AirlockError } from '../../../errors/index.js'
import type { LoadPlan } from '../write/load-plan.js'
import { rawFormats } from './raw-formats.js'

/** The formats in which this load takes rows of its columns unparsed, the best first; none where something has to look
 * into them on the way. */
export function relayFormats(load: LoadPlan): readonly string[] {
  const whole = load.fates.every(({ action }) => action !== 'omit' && action !== 'test')
  if (!whole || load.key.length > 0) return []
  return rawFormats(load.columns, ({ name }) => load.types.get(name))
}

/** Passes rows on as they came off the source's wire, and counts them. */
export class RowRelay {
  readonly format: string
  rowsSent = 0
  bytesSent = 0

  constructor(format: string) {
    this.format = format
  }

  /** The messages of a batch, to be sent as they are. Throws PROTOCOL_ERROR for a batch in another format. */
  take(batch: Batch): readonly Uint8Array[] {
    if (batch.raw?.format !== this.format) throw new AirlockError('PROTOCOL_ERROR', { phase: 'write' })
    this.rowsSent += batch.rowCount
    this.bytesSent += batch.byteLength
    return batch.raw.pieces
  }
}
