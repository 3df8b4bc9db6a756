import { afterAll, beforeAll, beforeEach } from 'vitest'
import { describeWith } from '../setup/engines.js'
import { FaultBench } from './fault-bench.js'
import { describeFaults, type FaultCase } from './fault-cases.js'

const CASES: readonly FaultCase[] = [
  {
    name: '429 with Retry-After',
    faults: [{ at: 'create', kind: 'rate-limited' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed'],
    classes: ['rate_limited'],
  },
  {
    name: '429 without it',
    faults: [{ at: 'create', kind: 'rate-limited-bare' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed'],
    classes: ['rate_limited'],
  },
  {
    name: '503 twice',
    faults: [{ at: 'create', kind: 'busy', times: 2 }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed'],
    classes: ['busy'],
  },
  {
    name: '503 for good',
    faults: [{ at: 'create', kind: 'busy', times: 'always' }],
    ends: ['failed', 5, 0],
    events: ['partition.lost', 'sandbox.create_failed'],
  },
  {
    name: '500 once',
    faults: [{ at: 'create', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed'],
    classes: ['server_error'],
  },
  {
    name: '401',
    faults: [{ at: 'create', kind: 'unauthorized' }],
    ends: ['failed', 5, 0],
    events: ['partition.lost', 'sandbox.create_failed'],
    classes: ['auth'],
  },
  {
    name: '400, as for a domain that is allowed where not everything else is denied',
    faults: [{ at: 'create', kind: 'invalid' }],
    ends: ['failed', 5, 0],
    events: ['partition.lost', 'sandbox.create_failed'],
    classes: ['invalid'],
  },
  {
    name: 'a reset before anything is created',
    faults: [{ at: 'create', kind: 'reset' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed'],
    classes: ['connection_lost'],
  },
  {
    name: 'a reply that is lost after the sandbox was created',
    faults: [{ at: 'create', kind: 'reply-lost' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed', 'sandbox.orphan_killed'],
    classes: ['connection_lost'],
  },
  {
    name: 'what earlier runs left cannot be listed',
    faults: [{ at: 'list', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.sweep_failed'],
  },
  {
    name: 'the same, and the first look for it fails',
    faults: [
      { at: 'create', kind: 'reply-lost' },
      // The first list is that of the sweep, before anything is created.
      { at: 'list', kind: 'server-error', skip: 1 },
    ],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed', 'sandbox.orphan_check_failed', 'sandbox.orphan_killed'],
  },
  {
    name: 'no answer to a create',
    faults: [{ at: 'create', kind: 'stall' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.create_failed'],
    classes: ['deadline'],
  },
  {
    name: 'health that comes late',
    faults: [{ at: 'health', kind: 'bad-gateway', times: 3 }],
    ends: ['ok', 0, 1],
    events: [],
  },
  {
    name: 'health that never comes',
    faults: [{ at: 'health', kind: 'bad-gateway', times: 20 }],
    ends: ['ok', 0, 2],
    events: ['sandbox.unready'],
  },
  {
    name: 'a network that cannot be closed',
    faults: [{ at: 'network', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.restrict_failed'],
    classes: ['server_error'],
  },
  {
    name: 'a kill that fails once',
    faults: [{ at: 'kill', kind: 'server-error' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.kill_failed'],
    classes: ['server_error'],
  },
  {
    name: 'a kill whose reply is lost',
    faults: [{ at: 'kill', kind: 'reply-lost' }],
    ends: ['ok', 0, 1],
    events: ['sandbox.kill_failed', 'sandbox.kill_noop'],
    classes: ['connection_lost'],
  },
]

describeWith(['mysql', 'postgres'], 'faults of the control plane', (engines) => {
  let bench: FaultBench
  beforeAll(async () => {
    bench = await FaultBench.create(engines.mysql, engines.postgres)
  })
  afterAll(() => bench?.[Symbol.asyncDispose]())
  beforeEach(() => bench.reset())

  describeFaults(() => bench, CASES)
})
