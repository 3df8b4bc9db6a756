import { afterAll, beforeAll, beforeEach } from 'vitest'
import { describeWith } from '../setup/engines.js'
import { FaultBench } from './fault-bench.js'
import { describeFaults, type FaultCase } from './fault-cases.js'

const CASES: readonly FaultCase[] = [
  {
    name: 'no space for the code, once',
    faults: [{ at: 'upload', kind: 'no-space' }],
    ends: ['ok', 0, 1],
    events: ['artifact.upload_failed'],
    classes: ['no_space'],
  },
  {
    name: 'no space for good',
    faults: [{ at: 'upload', kind: 'no-space', times: 'always' }],
    ends: ['failed', 5, 3],
    events: ['artifact.upload_failed', 'partition.lost'],
    classes: ['no_space'],
  },
  {
    name: 'an upload that is reset',
    faults: [{ at: 'upload', kind: 'reset' }],
    ends: ['ok', 0, 1],
    events: ['artifact.upload_failed'],
    classes: ['connection_lost'],
  },
  {
    name: 'an upload that is written in part, with 200',
    faults: [{ at: 'upload', kind: 'short-write' }],
    ends: ['ok', 0, 1],
    events: ['artifact.upload_failed'],
    classes: ['upload_size_mismatch'],
  },
  {
    name: 'a size that cannot be asked for',
    faults: [{ at: 'stat', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['artifact.upload_failed'],
    classes: ['server_error'],
  },
  {
    name: 'a start that fails once',
    faults: [{ at: 'start', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['remote.start_failed'],
    classes: ['server_error'],
  },
  {
    name: 'a start that fails twice',
    faults: [{ at: 'start', kind: 'server-error', times: 2 }],
    ends: ['ok', 0, 2],
    events: ['remote.start_failed'],
    classes: ['server_error'],
  },
  {
    name: 'a start whose reply is lost',
    faults: [{ at: 'start', kind: 'reply-lost' }],
    ends: ['ok', 0, 1],
    events: ['remote.start_failed'],
    classes: ['connection_lost'],
  },
  {
    name: 'standard input that is refused',
    faults: [{ at: 'stdin', kind: 'refused' }],
    ends: ['ok', 0, 2],
    events: ['remote.secrets_failed'],
    classes: ['server_error'],
  },
  {
    name: 'standard input whose reply is lost',
    faults: [{ at: 'stdin', kind: 'reply-lost' }],
    ends: ['ok', 0, 2],
    events: ['remote.secrets_failed'],
    classes: ['connection_lost'],
  },
  {
    name: 'exit 7 before the hello',
    faults: [{ at: 'stream', kind: 'exit', exitCode: 7, after: 0 }],
    ends: ['ok', 0, 2],
    events: ['remote.hello_missing'],
  },
  {
    name: 'exit 7 in the middle of a line',
    faults: [{ at: 'stream', kind: 'exit', exitCode: 7, after: 500 }],
    ends: ['ok', 0, 2],
    events: [
      'artifact.download_failed',
      'artifact.manifest_unavailable',
      'remote.command_failed',
      'remote.result_missing',
    ],
    maybe: ['frame.truncated'],
  },
  {
    name: 'exit 127, as without Node.js',
    faults: [{ at: 'stream', kind: 'exit', exitCode: 127, after: 0 }],
    ends: ['failed', 5, 1],
    events: ['partition.lost', 'remote.runtime_incompatible'],
  },
  {
    name: 'SIGKILL by nobody, as for want of memory',
    faults: [{ at: 'stream', kind: 'process-killed', after: 700 }],
    ends: ['ok', 0, 2],
    events: [
      'artifact.download_failed',
      'artifact.manifest_unavailable',
      'remote.command_failed',
      'remote.result_missing',
    ],
    maybe: ['frame.truncated'],
  },
  {
    name: 'the same, and no figures',
    faults: [
      { at: 'stream', kind: 'process-killed', after: 700 },
      { at: 'metrics', kind: 'server-error' },
    ],
    ends: ['ok', 0, 2],
    events: [
      'artifact.download_failed',
      'artifact.manifest_unavailable',
      'remote.command_failed',
      'remote.metrics_failed',
      'remote.result_missing',
    ],
    maybe: ['frame.truncated'],
  },
  {
    name: 'a stream that is cut',
    faults: [{ at: 'stream', kind: 'cut', after: 500 }],
    ends: ['ok', 0, 1],
    events: ['remote.reattached', 'remote.stream_lost'],
    maybe: ['frame.backfilled', 'frame.gap', 'frame.truncated'],
  },
  {
    name: 'the same, and listening again fails once',
    faults: [
      { at: 'stream', kind: 'cut', after: 500 },
      { at: 'reattach', kind: 'server-error' },
    ],
    ends: ['ok', 0, 1],
    events: ['remote.reattach_failed', 'remote.reattached', 'remote.stream_lost'],
    maybe: ['frame.backfilled', 'frame.gap', 'frame.truncated'],
  },
  {
    name: 'the same for good',
    faults: [
      { at: 'stream', kind: 'cut', after: 500 },
      { at: 'reattach', kind: 'server-error', times: 'always' },
    ],
    ends: ['ok', 0, 1],
    events: ['remote.killed', 'remote.reattach_failed', 'remote.stream_lost'],
    maybe: ['frame.backfilled', 'frame.gap', 'frame.truncated'],
    classes: ['lost'],
    options: { times: { silentBeats: 100 } },
  },
  {
    name: 'an end without a result',
    faults: [{ at: 'stream', kind: 'no-end' }],
    ends: ['ok', 0, 1],
    events: ['remote.reattached', 'remote.stream_lost'],
    maybe: ['frame.backfilled', 'frame.gap', 'frame.truncated'],
  },
  {
    name: 'chunks of one byte',
    faults: [{ at: 'stream', kind: 'one-byte-chunks' }],
    ends: ['ok', 0, 1],
    events: [],
  },
  {
    name: 'lines that are no JSON',
    faults: [{ at: 'stream', kind: 'noise', times: 2 }],
    ends: ['ok', 0, 1],
    events: ['frame.malformed'],
    classes: ['not_json'],
  },
  {
    name: 'output that is lost',
    faults: [{ at: 'stream', kind: 'drop-chunk', after: 500 }],
    ends: ['ok', 0, 1],
    events: ['frame.backfilled', 'frame.gap'],
  },
  {
    name: 'output that comes twice',
    faults: [{ at: 'stream', kind: 'repeat-chunk', after: 500 }],
    ends: ['ok', 0, 1],
    events: [],
  },
  {
    name: 'a worker that stands still',
    faults: [{ at: 'stream', kind: 'stop', after: 700 }],
    ends: ['ok', 0, 2],
    events: ['artifact.download_failed', 'artifact.manifest_unavailable', 'remote.heartbeat_lost', 'remote.killed'],
    maybe: ['frame.truncated'],
  },
  {
    name: 'a worker that stands still until the time of its command is over',
    faults: [{ at: 'stream', kind: 'stop', after: 700, times: 3 }],
    ends: ['failed', 5, 3],
    events: [
      'artifact.download_failed',
      'artifact.manifest_unavailable',
      'partition.lost',
      'remote.command_failed',
      'remote.killed',
    ],
    maybe: ['frame.truncated'],
    classes: ['deadline'],
    classesOf: 'remote.command_failed',
    // The platform ends the command when both are over.
    options: { times: { silentBeats: 100, deadlineMs: 3_000, helloMs: 5_000 } },
  },
  {
    name: 'a sandbox that is killed',
    faults: [{ at: 'stream', kind: 'sandbox-killed', after: 500 }],
    ends: ['ok', 0, 2],
    events: ['sandbox.gone', 'sandbox.kill_noop'],
  },
  {
    name: 'a sandbox whose time is over',
    faults: [{ at: 'stream', kind: 'sandbox-expired', after: 500 }],
    ends: ['ok', 0, 2],
    events: ['sandbox.gone', 'sandbox.kill_noop'],
  },
]

describeWith(['mysql', 'postgres'], 'faults of uploads and of the work', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  describeFaults(() => bench, CASES)
})
