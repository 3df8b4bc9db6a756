import type { Pipeline } from '../../../src/config/pipeline.js'
import { resolveCandidates } from '../../../src/core/dial.js'
import { findDriver } from '../../../src/drivers/builtin.js'
import { inlineFiles } from '../../../src/run/jobs/inline-files.js'
import type { JobConnection, StreamsJob } from '../../../src/run/jobs/job.js'
import type { Workspace } from '../../../src/run/workspace.js'

/** A connection as it travels in a job; without addresses where its host has none here. */
export async function jobConnection(space: Workspace, name: string): Promise<JobConnection> {
  const { driver, settings } = await space.config.connection(name)
  const endpoints = await space.reaches(name)
  const addresses: Record<string, string[]> = {}
  const signal = new AbortController().signal
  const found = endpoints.length === 0 ? [] : await resolveCandidates(endpoints, signal).catch(() => [])
  for (const { endpoint, address } of found) {
    if (endpoint.kind !== 'tcp' || !('host' in address)) continue
    addresses[endpoint.host] = [...(addresses[endpoint.host] ?? []), address.host]
  }
  return { name, driver, settings: await inlineFiles(findDriver(driver)!.spec.config, settings), addresses }
}

/** The job that runs a whole pipeline in one worker. */
export async function streamsJob(
  space: Workspace,
  pipeline: Pipeline,
  changes: Partial<StreamsJob> = {},
): Promise<StreamsJob> {
  const maskKey = await space.config.maskKey()
  return {
    kind: 'streams',
    run: 'run-1',
    pipeline: pipeline.name,
    source: await jobConnection(space, pipeline.source),
    target: await jobConnection(space, pipeline.target),
    maskKey: maskKey === undefined ? undefined : Buffer.from(maskKey.reveal()).toString('base64'),
    denyUnmasked: space.config.denyUnmasked,
    verify: 'count',
    retries: 0,
    fullRefresh: false,
    streams: pipeline.streams,
    parents: {},
    parallel: 1,
    fence: { holder: 'run-1/job-1', number: 1 },
    ...changes,
  }
}
