import type { PipelineStream } from '../config/pipeline.js'
import type { Column } from '../core/batch.js'
import { AirlockError } from '../errors/index.js'

/** Stops a stream whose columns include one that the configuration wants masked and that is not: UNMASKED_COLUMN. Patterns
 * are column names or `table.column`, in any case, with `*` for any run of characters. */
export function refuseUnmasked(stream: PipelineStream, columns: readonly Column[], patterns: readonly string[]): void {
  const matchers = patterns.map(matcher)
  for (const { name } of columns) {
    if (Object.hasOwn(stream.mask, name)) continue
    const names = [name, `${stream.table ?? stream.name}.${name}`]
    if (matchers.some((matches) => names.some(matches))) {
      throw new AirlockError('UNMASKED_COLUMN', { phase: 'plan', params: { at: `${stream.name}.${name}` } })
    }
  }
}

function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.toLowerCase().split('*')
  return (name) => matchesParts(name.toLowerCase(), parts)
}

/** Whether the text is the parts in order with anything between them; linear, as each part takes its first place. */
function matchesParts(text: string, parts: readonly string[]): boolean {
  const first = parts[0]!
  const last = parts.at(-1)!
  if (parts.length === 1) return text === first
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
