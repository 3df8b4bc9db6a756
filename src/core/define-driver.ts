import type { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import type { TlsConfig } from './config-fields.js'
import { type ConnectStep, connect } from './connect.js'
import type { Lookup } from './dial.js'
import type { DriverSpec, Endpoint } from './driver.js'
import { ErrorBoundary } from './errors-at-boundary.js'
import { ManagedSession } from './managed-session.js'
import type { MaskKey } from './mask-batches.js'
import { silenceLimit } from './operation.js'
import type { SessionPorts } from './ports.js'
import { serverAddress } from './server-address.js'

/** What `open` may be given beside the connection's own settings. */
export interface OpenOptions extends SessionPorts {
  /** What errors call this connection. */
  readonly name?: string
  /** Aborts connecting; an open session is given its signals per operation. */
  readonly signal?: AbortSignal
  /** The key of keyed masks. */
  readonly maskKey?: MaskKey
  /** Replaces the system's name resolution. */
  readonly lookup?: Lookup
  /** Only this one of the connection's endpoints. */
  readonly endpoint?: Endpoint
  /** Told how far connecting has come. */
  readonly onStep?: (step: ConnectStep) => void
}

/** A driver as users see it. */
export interface Driver<Schema extends z.ZodObject = z.ZodObject> {
  readonly spec: DriverSpec<Schema>
  /** Connects and returns a session that its caller closes. Throws CONFIG_INVALID for settings that do not fit the
   * driver's schema, and the connect codes (exit 3). */
  open(config: z.input<Schema>, options?: OpenOptions): Promise<ManagedSession>
  /** Where `open` would connect to, in order. Topology: not for every eye. Throws CONFIG_INVALID and DSN_REFUSED. */
  endpoints(config: z.input<Schema>): readonly Endpoint[]
  /** What a session may dial in all: its endpoints, and whatever it needs beside them. Throws as `endpoints` does. */
  reaches(config: z.input<Schema>): readonly Endpoint[]
}

/** The fields that the shared attempt loop reads; every server driver has them through `serverFields` and `commonFields`. */
interface SharedConfig {
  readonly tls?: TlsConfig
  readonly connect_timeout_ms: number
  readonly statement_timeout_ms?: number
  readonly silence_timeout_ms?: number
}

/** Wraps a driver's spec with what all drivers share: validation, the attempt loop with its deadline, TLS, error
 * translation, masks, counters and a bounded close. */
export function defineDriver<Schema extends z.ZodObject>(spec: DriverSpec<Schema>): Driver<Schema> {
  return {
    spec,
    endpoints: (input) => spec.endpoints(parseConfig(spec, input)),
    reaches(input) {
      const config = parseConfig(spec, input)
      return [...spec.endpoints(config), ...(spec.reaches?.(config) ?? [])]
    },
    async open(input, options = {}) {
      const config = parseConfig(spec, input)
      const shared = config as unknown as SharedConfig
      const boundary = new ErrorBoundary((error) => spec.classify(error), options.debug, options.name)
      const { session, socket } = await connect({
        endpoints: options.endpoint === undefined ? spec.endpoints(config) : [options.endpoint],
        tls: shared.tls,
        timeoutMs: shared.connect_timeout_ms,
        signal: options.signal,
        boundary,
        ports: options,
        ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
        ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
        open: (context) => spec.open(config, context),
      })
      return new ManagedSession({
        family: spec.family,
        capabilities: spec.capabilities,
        policies: spec.policies,
        session,
        socket,
        boundary,
        ports: options,
        maskKey: options.maskKey,
        silenceMs: spec.ownDeadlines === true ? undefined : silenceLimit(shared),
      })
    },
  }
}

/** Applies the schema and, where a `url` is given, takes it apart. Throws CONFIG_INVALID, which names the field and the
 * rule, never a value. */
export function parseConfig<Schema extends z.ZodObject>(
  spec: DriverSpec<Schema>,
  input: z.input<Schema>,
): z.output<Schema> {
  const parsed = spec.config.safeParse(input)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const at = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : (issue?.path.join('.') ?? '')
    const problem = issue?.code === 'unrecognized_keys' ? 'the key is not known' : 'the value does not fit'
    throw new AirlockError('CONFIG_INVALID', { phase: 'config', params: { at: at || spec.family, problem } })
  }
  return serverAddress(spec, parsed.data)
}
