import type { Endpoint } from '../core/driver.js'
import { isLoopback } from '../core/tls.js'
import { AirlockError, type AirlockErrorData, type ErrorCode } from '../errors/index.js'
import type { Workspace } from './workspace.js'

/** The steps of connecting, in their order. */
export const CHECK_STEPS = ['dns', 'tcp', 'tls', 'auth', 'query', 'privileges'] as const
export type CheckStep = (typeof CHECK_STEPS)[number]

export type StepStatus = 'ok' | 'failed' | 'not reached' | 'off'

/** What one endpoint of a connection answered. Keys are those of `--json`. */
export interface EndpointCheck {
  readonly connection: string
  /** What the configuration calls the endpoint, or its number where there are several. */
  readonly endpoint: string | null
  readonly ok: boolean
  readonly milliseconds: number
  readonly steps: Readonly<Record<CheckStep, StepStatus>>
  /** What works and should not stay so. */
  readonly warnings: readonly string[]
  readonly error: AirlockErrorData | null
}

/** Goes through every endpoint of a connection step by step. The credential is proven by a query, never by an open port.
 * What fails is in the result; throws only what is wrong with the configuration. */
export async function checkConnection(
  workspace: Workspace,
  name: string,
  signal: AbortSignal,
): Promise<readonly EndpointCheck[]> {
  const endpoints = await workspace.endpoints(name)
  if (endpoints.length === 0) return [await checkEndpoint(workspace, name, undefined, null, signal)]
  const results: EndpointCheck[] = []
  for (const [index, endpoint] of endpoints.entries()) {
    const label = endpoints.length === 1 ? null : labelOf(endpoint, index)
    results.push(await checkEndpoint(workspace, name, endpoint, label, signal))
  }
  return results
}

async function checkEndpoint(
  workspace: Workspace,
  connection: string,
  /** Undefined where there is no server to reach. */
  endpoint: Endpoint | undefined,
  label: string | null,
  signal: AbortSignal,
): Promise<EndpointCheck> {
  const started = performance.now()
  const absent: readonly CheckStep[] = endpoint === undefined ? ['dns', 'tcp', 'tls', 'auth'] : []
  const reached = new Set<CheckStep>(absent)
  const { tls, read_only } = (await workspace.config.connection(connection)).settings as SharedSettings
  const mode = tls?.mode ?? (isLocal(endpoint) ? 'disable' : 'verify-full')
  const warnings: string[] = weakTls(mode, endpoint)
  const finish = (error: AirlockError | null): EndpointCheck => ({
    connection,
    endpoint: label,
    ok: error === null,
    milliseconds: Math.round(performance.now() - started),
    steps: {
      ...stepsOf(reached, error, mode === 'disable'),
      ...Object.fromEntries(absent.map((step) => [step, 'off'])),
    },
    warnings,
    error: error?.toJSON() ?? null,
  })
  try {
    await using session = await workspace.connect(connection, signal, {
      ...(endpoint === undefined ? {} : { endpoint }),
      onStep: (step) => reached.add(step),
    })
    reached.add('tls').add('auth')
    await session.ping(signal)
    reached.add('query')
    const privileges = await session.privileges(signal)
    reached.add('privileges')
    if (privileges?.superuser) warnings.push('the user is a superuser; give it the rights that it needs and no others')
    else if (privileges?.canWrite && read_only) warnings.push('the connection is read_only and its user may write')
    return finish(null)
  } catch (error) {
    if (error instanceof AirlockError && error.phase === 'config') throw error
    return finish(error instanceof AirlockError ? error : workspace.masker.error(error))
  }
}

interface SharedSettings {
  readonly tls?: { readonly mode?: string }
  readonly read_only?: boolean
}

/** A code that says more than how far connecting came. */
function stepOf(code: ErrorCode): CheckStep | undefined {
  return code.startsWith('TLS_') ? 'tls' : undefined
}

function stepsOf(
  reached: ReadonlySet<CheckStep>,
  error: AirlockError | null,
  plain: boolean,
): Record<CheckStep, StepStatus> {
  const next = CHECK_STEPS.find((step) => !reached.has(step) && !(step === 'tls' && plain))
  // Without a TLS error behind an open port, TLS is behind us too.
  const failed = error === null ? undefined : (stepOf(error.code) ?? (next === 'tls' ? 'auth' : next))
  const status = (step: CheckStep): StepStatus => {
    if (step === failed) return 'failed'
    if (step === 'tls' && plain) return 'off'
    const before = failed === undefined || CHECK_STEPS.indexOf(step) < CHECK_STEPS.indexOf(failed)
    return before ? 'ok' : 'not reached'
  }
  return Object.fromEntries(CHECK_STEPS.map((step) => [step, status(step)])) as Record<CheckStep, StepStatus>
}

function weakTls(mode: string, endpoint: Endpoint | undefined): string[] {
  if (isLocal(endpoint) || mode === 'verify-full') return []
  const what = { disable: 'everything travels in clear', require: 'the server is not verified' }[mode]
  return [`tls.mode is ${mode}: ${what ?? 'the name of the server is not verified'}`]
}

function isLocal(endpoint: Endpoint | undefined): boolean {
  return endpoint === undefined || endpoint.kind === 'unix' || isLoopback(endpoint.host)
}

function labelOf(endpoint: Endpoint, index: number): string {
  const label = 'label' in endpoint && typeof endpoint.label === 'string' ? endpoint.label : undefined
  return label ?? `endpoint ${index + 1}`
}
