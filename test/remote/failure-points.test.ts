import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { REMOTE_EVENTS, type RemoteEventName } from '../../src/remote/events.js'

type Proof = readonly [file: string, test: string, ...events: RemoteEventName[]]

/** Each point at which a remote run can go wrong, and the test that makes it go wrong there: its file, a part of its title,
 * and the events that it provokes. */
const POINTS: readonly (readonly [point: string, ...proofs: Proof[]])[] = [
  ['1 configuration', ['faults-host', 'an environment that makes the library pretend', 'remote.config_rejected']],
  ['2 bundle', ['odd-workers', 'a bundle that is not as it was built', 'remote.bundle_failed']],
  ['3 create is refused', ['faults-control', '401', 'sandbox.create_failed']],
  ['4 create meets a limit or trouble', ['faults-control', '429 without it', 'sandbox.create_failed']],
  [
    '5 the answer to a create is lost',
    ['faults-control', 'a reply that is lost after the sandbox was created', 'sandbox.orphan_killed'],
    ['faults-control', 'the same, and the first look for it fails', 'sandbox.orphan_check_failed'],
  ],
  [
    '6 a sandbox cannot be written down',
    ['faults-host', 'creates nothing that it could not write down', 'sandbox.untracked'],
  ],
  ['7 never healthy', ['faults-control', 'health that never comes', 'sandbox.unready']],
  ['8 daemon too old', ['odd-workers', 'a sandbox whose daemon is too old', 'sandbox.envd_unsupported']],
  ['9 upload', ['faults-run', 'an upload that is reset', 'artifact.upload_failed']],
  ['10 size of an upload', ['faults-run', 'an upload that is written in part', 'artifact.upload_failed']],
  ['11 digests of the hello', ['odd-workers', 'one with other digests of %s', 'artifact.upload_corrupt']],
  ['12 Node.js', ['faults-run', 'exit 127, as without Node.js', 'remote.runtime_incompatible']],
  ['13 clock', ['odd-workers', 'one whose clock is far off', 'remote.clock_skew']],
  ['14 a connection cannot be reached', ['odd-workers', 'one that cannot reach a connection', 'remote.egress_blocked']],
  ['15 start', ['faults-run', 'a start that fails once', 'remote.start_failed']],
  ['16 no hello', ['faults-run', 'exit 7 before the hello', 'remote.hello_missing']],
  ['17 secrets', ['faults-run', 'standard input that is refused', 'remote.secrets_failed']],
  ['18 lines that are no frames', ['faults-run', 'lines that are no JSON', 'frame.malformed']],
  ['19 frames that are missing', ['faults-run', 'output that is lost', 'frame.gap', 'frame.backfilled']],
  ['20 a handler that throws', ['frames', 'goes on after a handler that throws', 'frame.handler_failed']],
  ['21 half a line at the end', ['frames', '', 'frame.truncated']],
  ['22 silence', ['faults-run', 'a worker that stands still', 'remote.heartbeat_lost', 'remote.killed']],
  [
    '23 the stream is cut',
    ['faults-run', 'a stream that is cut', 'remote.stream_lost', 'remote.reattached'],
    ['faults-run', 'the same for good', 'remote.reattach_failed'],
  ],
  ['24 no result', ['faults-run', 'exit 7 in the middle of a line', 'remote.result_missing']],
  ['25 exit code', ['faults-run', 'exit 7 in the middle of a line', 'remote.command_failed']],
  ['26 want of memory', ['faults-run', 'SIGKILL by nobody', 'remote.command_failed']],
  [
    '27 deadline of the command',
    ['faults-run', 'until the time of its command is over', 'remote.command_failed', 'remote.killed'],
  ],
  ['28 the sandbox is gone', ['faults-run', 'a sandbox that is killed', 'sandbox.gone']],
  ['29 lease', ['odd-workers', 'a lease that fails once', 'sandbox.lease_failed']],
  [
    '30 cancelled',
    ['faults-host', 'an abort at %s cancels', 'remote.cancelled'],
    ['faults-host', 'an abort whose sandbox cannot be killed', 'remote.kill_failed'],
  ],
  ['31 no last frame', ['odd-workers', 'one without its last frame', 'remote.end_missing']],
  [
    '32 manifest',
    ['faults-download', 'no manifest', 'artifact.manifest_unavailable'],
    ['faults-download', 'a manifest that is garbage for good', 'artifact.manifest_rejected'],
  ],
  [
    '33 list',
    ['faults-download', 'no list', 'artifact.list_failed'],
    ['faults-download', 'a list that leaves a file out', 'artifact.not_listed'],
    ['faults-download', 'a list with a link', 'artifact.unmanifested'],
  ],
  ['34 paths', ['faults-download', 'a list with a path that leads out', 'artifact.path_rejected']],
  ['35 download', ['faults-download', '500 once', 'artifact.download_failed']],
  ['36 other bytes', ['faults-download', 'a bit that is flipped', 'artifact.download_failed']],
  ['37 tries are spent', ['faults-download', '404 for good', 'artifact.lost']],
  ['38 left behind', ['collect-artifacts', 'leaves behind what is too big', 'artifact.skipped']],
  ['39 this disk', ['collect-artifacts', 'on which the folder cannot be made', 'artifact.local_write_failed']],
  [
    '40 the events themselves',
    ['faults-host', 'where the rest of its events could not be written', 'events.write_failed'],
  ],
  ['41 secrets in what arrives', ['collect-artifacts', '', 'secret.detected']],
  ['42 kill', ['faults-control', 'a kill whose reply is lost', 'sandbox.kill_failed', 'sandbox.kill_noop']],
  ['43 sweep', ['sweeper', '', 'sandbox.sweep_failed', 'sandbox.sweep_skipped']],
  [
    '44 partitions',
    ['fan-out', 'a range that fails for good', 'partition.lost'],
    ['../run/remote/fan-out-copies', 'is read by another job', 'partition.copied', 'partition.outrun'],
    ['faults-host', 'that another run has claimed', 'partition.fenced'],
  ],
  ['45 figures', ['faults-run', 'the same, and no figures', 'remote.metrics_failed']],
  ['cost', ['faults-host', 'starts nothing beyond the cost limit', 'remote.cost_limit']],
  ['network', ['faults-control', 'a network that cannot be closed', 'sandbox.restrict_failed']],
  [
    'nothing',
    ['odd-workers', 'a worker that does as it should', 'sandbox.created', 'remote.hello', 'remote.secrets_sealed'],
    ['odd-workers', 'a worker that does as it should', 'artifact.collected', 'sandbox.killed', 'remote.job_ended'],
  ],
]

describe('each point at which a remote run can fail', () => {
  it.each(POINTS)('%s has a test that provokes its event', async (_, ...proofs) => {
    expect(proofs).not.toEqual([])
    for (const [file, title, ...events] of proofs) {
      const text = await readFile(new URL(`${file}.test.ts`, import.meta.url), 'utf8')
      expect(text).toContain(title)
      for (const event of events) expect(text, event).toContain(event)
    }
  })

  it('are forty-five, and no event is left without a test', () => {
    const numbers = POINTS.map(([point]) => Number.parseInt(point, 10)).filter((number) => !Number.isNaN(number))
    expect(numbers).toEqual(Array.from({ length: 45 }, (_, index) => index + 1))
    const provoked = POINTS.flatMap(([, ...proofs]) => proofs.flatMap(([, , ...events]) => events))
    expect(Object.keys(REMOTE_EVENTS).filter((event) => !provoked.includes(event as RemoteEventName))).toEqual([])
  })
})
