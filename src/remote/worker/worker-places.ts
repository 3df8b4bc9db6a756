import { dirname, join } from 'node:path'
import { PLACES } from '../protocol.js'

/** Absolute paths of what a worker finds and leaves. */
export type WorkerPlaces = Readonly<
  Record<'bundle' | 'spec' | 'inputs' | 'out' | 'data' | 'events' | 'manifest' | 'report', string>
>

/** Where everything is, seen from the bundle: nobody has to say, and no variable can point elsewhere. */
export function placesAround(bundle: string): WorkerPlaces {
  const depth = PLACES.bundle.split('/').length
  let base = bundle
  for (let at = 0; at < depth; at++) base = dirname(base)
  return {
    bundle,
    spec: join(base, PLACES.spec),
    inputs: join(base, PLACES.inputs),
    out: join(base, PLACES.out),
    data: join(base, PLACES.out, PLACES.data),
    events: join(base, PLACES.events),
    manifest: join(base, PLACES.manifest),
    report: join(base, PLACES.out, PLACES.report),
  }
}
