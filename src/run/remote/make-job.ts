import { isIP } from 'node:net'
import type { Pipeline } from '../../config/pipeline.js'
import { resolveCandidates } from '../../core/dial.js'
import type { Endpoint } from '../../core/driver.js'
import { findDriver } from '../../drivers/builtin.js'
import { AirlockError } from '../../errors/index.js'
import { inlineFiles } from '../jobs/inline-files.js'
import type { JobConnection, JobFrame } from '../jobs/job.js'
import { frameOf } from '../jobs/job-frame.js'
import type { RunOptions } from '../local-runner.js'
import type { Workspace } from '../workspace.js'

/** What all jobs of a run have in common: both connections with everything in them resolved, down to the addresses of their
 * hosts. Throws what resolving secrets throws, HOST_NOT_FOUND, and UNSUPPORTED for a socket file, which is on this machine. */
export async function makeFrame(
  workspace: Workspace,
  pipeline: Pipeline,
  run: string,
  options: RunOptions,
  signal: AbortSignal,
): Promise<JobFrame> {
  const ends = {
    source: await jobConnection(workspace, pipeline.source, signal),
    target: await jobConnection(workspace, pipeline.target, signal),
  }
  const frame = await frameOf(workspace, pipeline, run, options, ends)
  const { maxMemoryBytes } = options
  return maxMemoryBytes === undefined ? frame : { ...frame, maxMemoryBytes }
}

/** The addresses that a job may reach, as networks of one address each. */
export function egressOf(frame: JobFrame): readonly string[] {
  const addresses = [frame.source, frame.target].flatMap((connection) =>
    Object.values(connection.addresses ?? {}).flat(),
  )
  return [...new Set(addresses)].map((address) => `${address}/${isIP(address) === 6 ? 128 : 32}`)
}

async function jobConnection(workspace: Workspace, name: string, signal: AbortSignal): Promise<JobConnection> {
  const { driver, settings } = await workspace.config.connection(name)
  const found = findDriver(driver)
  if (found === undefined) throw new AirlockError('DRIVER_UNKNOWN', { params: { at: name } })
  return {
    name,
    driver,
    settings: await inlineFiles(found.spec.config, settings),
    addresses: await addressesOf(name, await workspace.reaches(name), signal),
  }
}

async function addressesOf(
  name: string,
  endpoints: readonly Endpoint[],
  signal: AbortSignal,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const addresses: Record<string, readonly string[]> = {}
  for (const endpoint of endpoints) {
    if (endpoint.kind === 'unix') {
      const problem = `connection ${name} is a socket file of this machine, which a sandbox cannot reach; use host and port`
      throw new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
    }
  }
  if (endpoints.length === 0) return addresses
  for (const { endpoint, address } of await resolveCandidates(endpoints, signal)) {
    if (endpoint.kind !== 'tcp' || !('port' in address)) continue
    const known = addresses[endpoint.host] ?? []
    addresses[endpoint.host] = known.includes(address.host) ? known : [...known, address.host]
  }
  return addresses
}
