/** How bad it is: `info` belongs to a healthy run, `warn` was made good or costs nothing, `error` costs the attempt. */
export type Severity = 'info' | 'warn' | 'error'

interface RemoteEventSpec {
  readonly severity: Severity
  /** The line for a person. `{name}` is filled from the event's fields. */
  readonly line: string
}

const info = (line: string): RemoteEventSpec => ({ severity: 'info', line })
const warn = (line: string): RemoteEventSpec => ({ severity: 'warn', line })
const error = (line: string): RemoteEventSpec => ({ severity: 'error', line })

/** Everything that a remote run can tell: one row for each point at which something can go wrong, and a few for what goes
 * right. Text lives here and nowhere else, so that nothing that a sandbox or a library said gets into a log. */
export const REMOTE_EVENTS = {
  'sandbox.created': info('sandbox {sandbox} runs job {job}, attempt {attempt}'),
  'sandbox.killed': info('sandbox {sandbox} is gone'),
  'remote.hello': info('the worker in sandbox {sandbox} is the one that was sent'),
  'remote.secrets_sealed': info('sandbox {sandbox} got its secrets sealed'),
  'remote.job_ended': info('job {job}, attempt {attempt}: {class}'),
  'artifact.collected': info('{path}: {bytes} bytes, digest right'),

  'remote.config_rejected': error('the settings of the remote run are refused: {class}'),
  'remote.bundle_failed': error('the worker could not be prepared: {class}'),
  'sandbox.create_failed': error('no sandbox was created: {class}'),
  'sandbox.orphan_killed': warn('sandbox {sandbox}, created although the answer was lost, is killed'),
  'sandbox.orphan_check_failed': warn('nobody knows whether a sandbox was created: {class}; the sweeper looks again'),
  'sandbox.untracked': error('sandbox {sandbox} could not be written down and is killed'),
  'sandbox.unready': error('sandbox {sandbox} never answered'),
  'sandbox.envd_unsupported': error('sandbox {sandbox} runs a version of envd that is too old'),
  'artifact.upload_failed': error('{path} could not be sent: {class}'),
  'artifact.upload_corrupt': error('{path} is not what was sent; no secret was given to it'),
  'remote.runtime_incompatible': error('the Node.js of the sandbox does not fit: {class}'),
  'remote.clock_skew': warn('the clock of the sandbox is {seconds} s off'),
  'remote.egress_blocked': error('the sandbox cannot reach connection {connection}: {class}'),
  'remote.start_failed': error('the worker could not be started: {class}'),
  'remote.hello_missing': error('the worker did not say hello'),
  'remote.secrets_failed': error('the secrets could not be handed over: {class}'),
  'frame.malformed': warn('a line of the worker is not one of its own: {class}'),
  'frame.gap': warn('{count} frames are missing before {frame}'),
  'frame.backfilled': info('{count} frames were read from the file of events'),
  'frame.handler_failed': error('a frame could not be handled: {class}'),
  'frame.truncated': warn('the output ends in the middle of a line'),
  'remote.heartbeat_lost': error('the worker has been silent for {seconds} s and is killed'),
  'remote.stream_lost': warn('the connection to the worker was lost'),
  'remote.reattached': info('the worker is heard again'),
  'remote.reattach_failed': error('the worker could not be heard again: {class}'),
  'remote.result_missing': error('the worker ended without saying how'),
  'remote.command_failed': error('the worker ended: {class}'),
  'remote.killed': warn('the worker was killed: {class}'),
  'sandbox.gone': error('sandbox {sandbox} is gone before its work was done'),
  'sandbox.lease_failed': warn('the time of sandbox {sandbox} could not be extended: {class}'),
  'remote.cancelled': warn('cancelled: {class}'),
  'remote.kill_failed': warn('the worker of a cancelled job could not be killed: {class}'),
  'remote.end_missing': warn('the worker did not say that it ended'),
  'sandbox.restrict_failed': warn('the network of sandbox {sandbox} could not be closed: {class}'),
  'artifact.manifest_unavailable': error('the manifest is not there: {class}'),
  'artifact.manifest_rejected': error('the manifest is refused: {class}'),
  'artifact.list_failed': warn('the files of the sandbox could not be listed: {class}'),
  'artifact.not_listed': warn('{path} is in the manifest and not in the list'),
  'artifact.unmanifested': warn('{path} is in the list and not in the manifest; it stays behind'),
  'artifact.path_rejected': error('a file has a name that is refused: {class}'),
  'artifact.download_failed': warn('{path} could not be fetched: {class}'),
  'artifact.lost': error('{path} is lost'),
  'artifact.skipped': warn('{path} is left behind: {class}'),
  'artifact.local_write_failed': error('{path} could not be written here: {class}'),
  'events.write_failed': error('the events of this run could not be written: {class}'),
  'secret.detected': error('a secret was found in {path} and is not kept'),
  'sandbox.kill_failed': warn('sandbox {sandbox} could not be killed: {class}; it ends by itself'),
  'sandbox.kill_noop': warn('sandbox {sandbox} was gone already'),
  'sandbox.sweep_failed': warn('what an earlier run left could not be cleared away: {class}'),
  'sandbox.sweep_skipped': warn('sandbox {sandbox} was left alone: {class}'),
  'partition.lost': error('job {job} is lost after {attempt} attempts'),
  'partition.fenced': warn('a late result of job {job}, attempt {attempt}, was refused'),
  'partition.copied': warn('job {job} reads a range once more: its first job has been at it for {seconds} s'),
  'partition.outrun': info('job {job} is ended: another one was done with its range before'),
  'remote.metrics_failed': warn('the figures of sandbox {sandbox} could not be read: {class}'),
  'remote.cost_limit': error('no further sandbox: the cost limit is reached'),
} as const satisfies Readonly<Record<string, RemoteEventSpec>>

export type RemoteEventName = keyof typeof REMOTE_EVENTS

/** What an event may carry: ids, closed words and counts. `class` says what kind; `path` is the name of an artifact. */
export interface RemoteEventFields {
  readonly job?: string
  readonly attempt?: number
  readonly sandbox?: string
  readonly class?: string
  /** Whether it is tried again. */
  readonly retry?: boolean
  readonly path?: string
  readonly connection?: string
  readonly bytes?: number
  readonly count?: number
  readonly frame?: number
  readonly seconds?: number
  readonly exit?: number
}

/** Where a part of a remote run tells what happened. Never throws. */
export interface RemoteEventPort {
  emit(event: RemoteEventName, fields?: RemoteEventFields): void
}
