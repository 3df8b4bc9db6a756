import type { CommandHandle } from 'e2b/dist/index.mjs'
import { describe, expect, it } from 'vitest'
import { E2BCommand } from '../../src/remote/e2b-command.js'
import { SandboxFault } from '../../src/remote/sandbox-fault.js'
import { faultOf } from './e2b.js'

/** A command that ends as the client library says so, after some time. */
function ended(result: { exitCode: number; error?: string }, seconds: number, timeoutMs = 60_000): E2BCommand {
  let now = 0
  const handle = {
    pid: 7,
    async wait() {
      now = seconds * 1000
      if (result.exitCode === 0) return result
      throw Object.assign(new Error(), { name: 'CommandExitError', result })
    },
  } as unknown as CommandHandle
  return new E2BCommand({
    ...{ handle, timeoutMs, now: () => now },
    call: async (signal, work) => await work(signal),
    classify: async () => new SandboxFault('unknown'),
  })
}

describe('a command', () => {
  it('that was killed in its time was killed; after its time it ran out of it', async () => {
    const killed = { exitCode: -1, error: 'signal: killed' }
    expect(await ended(killed, 59).ended).toEqual({ exitCode: -1, signal: 'SIGKILL' })
    expect(await faultOf(ended(killed, 60).ended)).toBe('deadline')
    expect(await ended(killed, 1e6, 0).ended).toEqual({ exitCode: -1, signal: 'SIGKILL' })
  })

  it('that ended by itself did so, however long it took', async () => {
    expect(await ended({ exitCode: 0 }, 90).ended).toEqual({ exitCode: 0, signal: undefined })
    expect(await ended({ exitCode: 3 }, 90).ended).toEqual({ exitCode: 3, signal: undefined })
  })

  it.each([
    ['signal: terminated', 'SIGTERM'],
    ['signal: hangup', 'SIGHUP'],
    ['signal: a secret word', 'other'],
    ['exit status 3', undefined],
  ])('names its signal from a closed list: %s', async (error, signal) => {
    expect((await ended({ exitCode: -1, error }, 1).ended).signal).toBe(signal)
  })
})
