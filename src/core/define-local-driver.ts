import type { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import { atMost, unlessAborted } from './bounded.js'
import { type Driver, type OpenOptions, parseConfig } from './define-driver.js'
import type { DriverSpec, LocalDriverSpec, Session } from './driver.js'
import { ErrorBoundary } from './errors-at-boundary.js'
import { ManagedSession } from './managed-session.js'

/** How long a session that came too late may take to close. */
const CLOSE_MS = 1500

/** Wraps the spec of a driver without a server with what all drivers share: validation, the deadline for opening, error
 * translation, masks, counters and a bounded close. It has no endpoints: there is nothing to reach. */
export function defineLocalDriver<Schema extends z.ZodObject>(spec: LocalDriverSpec<Schema>): Driver<Schema> {
  const serverless: DriverSpec<Schema> = {
    ...spec,
    urlSchemes: [],
    defaultPort: 0,
    endpoints: () => [],
    open: () => Promise.reject(new AirlockError('UNSUPPORTED', { params: { problem: 'it has no server' } })),
  }
  return {
    spec: serverless,
    endpoints: (input) => serverless.endpoints(parseConfig(serverless, input)),
    reaches: () => [],
    async open(input, options = {}) {
      const config = parseConfig(serverless, input)
      const boundary = new ErrorBoundary((error) => spec.classify(error), options.debug, options.name)
      const session = await open(spec, config, boundary, options)
      return new ManagedSession({
        family: spec.family,
        capabilities: spec.capabilities,
        policies: spec.policies,
        session,
        socket: undefined,
        boundary,
        ports: options,
        maskKey: options.maskKey,
      })
    },
  }
}

async function open<Schema extends z.ZodObject>(
  spec: LocalDriverSpec<Schema>,
  config: z.output<Schema>,
  boundary: ErrorBoundary,
  options: OpenOptions,
): Promise<Session> {
  const { connect_timeout_ms: timeoutMs } = config as { readonly connect_timeout_ms: number }
  const overall = AbortSignal.timeout(timeoutMs)
  const signal = options.signal === undefined ? overall : AbortSignal.any([overall, options.signal])
  try {
    const opening = spec.open(config, { signal })
    const session = await unlessAborted(
      signal,
      opening,
      () => void closeLate(opening),
      () => signal.reason as Error,
    )
    options.telemetry?.add({ connections_opened: 1 })
    return session
  } catch (error) {
    options.telemetry?.add({ connections_failed: 1 })
    if (overall.aborted && !options.signal?.aborted) {
      throw new AirlockError('CONNECT_TIMEOUT', { phase: 'connect' }).attribute(options.name)
    }
    throw boundary.translate(error, 'connect', options.signal)
  }
}

/** Nobody waits for it any more, so nobody else would close it. */
async function closeLate(opening: Promise<Session>): Promise<void> {
  const session = await opening.then(
    (opened) => opened,
    () => undefined,
  )
  if (session !== undefined) await atMost(CLOSE_MS, session.close())
}
