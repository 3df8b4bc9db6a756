import { afterAll, beforeAll, beforeEach } from 'vitest'
import { describeWith } from '../setup/engines.js'
import { FaultBench } from './fault-bench.js'
import { describeFaults, type FaultCase } from './fault-cases.js'

const CASES: readonly FaultCase[] = [
  {
    name: '404 once',
    faults: [{ at: 'download', kind: 'not-found', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['not_found'],
  },
  {
    name: '404 for good',
    faults: [{ at: 'download', kind: 'not-found', path: /report/, times: 'always' }],
    ends: ['failed', 5, 3],
    events: ['artifact.download_failed', 'artifact.lost', 'partition.lost'],
    classes: ['not_found'],
  },
  {
    name: '500 once',
    faults: [{ at: 'download', kind: 'server-error', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['server_error'],
  },
  {
    name: '500 for good',
    faults: [{ at: 'download', kind: 'server-error', path: /report/, times: 'always' }],
    ends: ['failed', 5, 3],
    events: ['artifact.download_failed', 'artifact.lost', 'partition.lost'],
    classes: ['server_error'],
  },
  {
    name: 'a page with 502',
    faults: [{ at: 'download', kind: 'bad-gateway', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
  },
  {
    name: 'a reset',
    faults: [{ at: 'download', kind: 'reset-in-body', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['connection_lost'],
  },
  {
    name: 'a connection that ends early',
    faults: [{ at: 'download', kind: 'fin-early', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['connection_lost'],
  },
  {
    name: 'a shorter file with 200',
    faults: [{ at: 'download', kind: 'short', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['size_mismatch'],
  },
  {
    name: 'a longer file with 200',
    faults: [{ at: 'download', kind: 'oversize', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['oversize'],
  },
  {
    name: 'a bit that is flipped',
    faults: [{ at: 'download', kind: 'bit-flip', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['digest_mismatch'],
  },
  {
    name: 'a body that stands still',
    faults: [{ at: 'download', kind: 'stall-in-body', path: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['deadline'],
  },
  {
    name: 'a manifest that is garbage once',
    faults: [{ at: 'download', kind: 'garbage', path: /manifest/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.download_failed'],
    classes: ['digest_mismatch'],
  },
  {
    name: 'a manifest that is garbage for good',
    faults: [{ at: 'download', kind: 'garbage', path: /manifest/, times: 'always' }],
    ends: ['failed', 5, 3],
    events: ['artifact.download_failed', 'artifact.manifest_rejected', 'partition.lost'],
    classes: ['digest_mismatch'],
  },
  {
    name: 'no manifest',
    faults: [{ at: 'download', kind: 'not-found', path: /manifest/, times: 'always' }],
    ends: ['failed', 5, 3],
    events: ['artifact.download_failed', 'artifact.manifest_unavailable', 'partition.lost'],
    classes: ['not_found'],
  },
  {
    name: 'a list that leaves a file out',
    faults: [{ at: 'listDir', kind: 'omit', entry: /report/ }],
    ends: ['ok', 0, 1],
    events: ['artifact.not_listed'],
  },
  {
    name: 'a list with a path that leads out',
    faults: [{ at: 'listDir', kind: 'add-traversal' }],
    ends: ['ok', 0, 1],
    events: ['artifact.path_rejected'],
  },
  {
    name: 'a list with a link',
    faults: [{ at: 'listDir', kind: 'add-symlink' }],
    ends: ['ok', 0, 1],
    events: ['artifact.unmanifested'],
  },
  {
    name: 'no list',
    faults: [{ at: 'listDir', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['artifact.list_failed'],
    classes: ['server_error'],
  },
]

describeWith(['mysql', 'postgres'], 'faults of downloads', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  describeFaults(() => bench, CASES)
})
