import type { WriteOutline } from '../core/driver.js'
import type { ManagedSession } from '../core/managed-session.js'

/** The wire format in which rows go from source to target unparsed: the best that both know, if nothing has to look into
 * them on the way. Undefined where they are unpacked. */
export function handOver(
  source: ManagedSession,
  target: ManagedSession,
  stream: { readonly masked: boolean; readonly checksum: boolean; readonly outline: WriteOutline },
): string | undefined {
  if (stream.masked || stream.checksum) return undefined
  const both = source.capabilities.rawFormats.filter((format) => target.capabilities.rawFormats.includes(format))
  return stream.outline.rawFormats?.find((format) => both.includes(format))
}
