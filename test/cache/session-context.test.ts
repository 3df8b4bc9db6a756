import { EventEmitter } from 'node:events'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { currentSession, runInSession } from '../../src/cache/index.js'
import { upTo } from '../sinks/support.js'

describe('a session', () => {
  it('S1 2,000 at one time: over awaits, timers and emitters each finds itself and no other', async () => {
    const seen = await Promise.all(
      upTo(2000).map((i) =>
        runInSession(`s-${i}`, async () => {
          const ids = [currentSession()?.id]
          await sleep(i % 7)
          ids.push(currentSession()?.id)
          await turn()
          ids.push(currentSession()?.id)
          const emitter = new EventEmitter()
          const heard = new Promise<void>((resolve) =>
            emitter.once('now', () => {
              ids.push(currentSession()?.id)
              resolve()
            }),
          )
          setTimeout(() => emitter.emit('now'), i % 3)
          await heard
          return new Set(ids)
        }),
      ),
    )
    seen.forEach((ids, i) => {
      expect([...ids]).toEqual([`s-${i}`])
    })
    expect(currentSession()).toBeUndefined()
  })

  it('is put back after an inner one', async () => {
    await runInSession('outer', async () => {
      await runInSession('inner', async () => expect(currentSession()?.id).toBe('inner'))
      expect(currentSession()?.id).toBe('outer')
    })
  })

  it('cannot be changed', async () => {
    await runInSession('a', async (session) => {
      expect(() => Object.assign(session, { id: 'b' })).toThrow(TypeError)
    })
  })

  it('closes what it owns, the latest first, also after a failure, and takes nothing more', async () => {
    const closed: string[] = []
    const resource = (name: string) => ({
      async [Symbol.asyncDispose]() {
        await sleep(1)
        closed.push(name)
      },
    })
    const ended = runInSession('s', async (session) => {
      session.own(resource('first'))
      session.own(resource('second'))
      throw new Error('work')
    })
    await expect(ended).rejects.toThrow('work')
    expect(closed).toEqual(['second', 'first'])
    const session = await runInSession('s', async (it) => it)
    expect(() => session.own(resource('late'))).toThrow(expect.objectContaining({ code: 'RESOURCE_CLOSED' }))
  })

  it('brings the error of the work first where closing fails too', async () => {
    const failing = {
      async [Symbol.asyncDispose]() {
        throw new Error('close')
      },
    }
    const both = runInSession('s', async (session) => {
      session.own(failing)
      throw new Error('work')
    })
    await expect(both).rejects.toMatchObject({ errors: [{ message: 'work' }, { message: 'close' }] })
    await expect(runInSession('s', async (session) => session.own(failing))).rejects.toThrow('close')
  })

  it.each(['', '../x', 'a b', 'a\n', 'x'.repeat(65)])('refuses the id %j', async (id) => {
    await expect(runInSession(id, async () => 1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
