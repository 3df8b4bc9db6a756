import { closeSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SessionStores } from '../../src/cache/index.js'
import { scratch, upTo } from '../sinks/support.js'

const descriptors = () => readdirSync('/proc/self/fd').length

/** Stores that hold a real file each. */
function files(limits: { max?: number; ttlMs?: number } = {}) {
  const dir = scratch()
  const counts = { opened: 0, closed: 0 }
  const stores = new SessionStores((session) => {
    const fd = openSync(join(dir, session), 'a')
    counts.opened++
    return {
      fd,
      async close() {
        await sleep(1)
        closeSync(fd)
        counts.closed++
      },
    }
  }, limits)
  onTestFinished(() => stores.close())
  return { stores, counts }
}

describe('stores of sessions', () => {
  // Guard: eviction closes. Broken once by only forgetting the store: 1,000 descriptors stayed open.
  it('STATE-005, S2 a thousand sessions: descriptors stay flat, and all are closed at the end', async () => {
    const { stores, counts } = files({ max: 10 })
    const before = descriptors()
    let most = 0
    for (const i of upTo(1000)) {
      await stores.use(`s${i}`, async ({ fd }) => expect(fd).toBeGreaterThan(0))
      if (i % 50 === 49) await sleep(5)
      most = Math.max(most, descriptors() - before)
    }
    await stores.close()
    expect(most).toBeLessThan(100)
    expect(counts).toEqual({ opened: 1000, closed: 1000 })
    expect(descriptors()).toBe(before)
  })

  it('opens one store for all who use a session at one time', async () => {
    const { stores, counts } = files()
    await Promise.all(upTo(50).map(() => stores.use('s', () => sleep(2))))
    expect(counts).toEqual({ opened: 1, closed: 0 })
    await stores.end('s')
    expect(counts.closed).toBe(1)
  })

  // Guard: the count of users. Broken once by closing at eviction: the user's file was closed under it.
  it('closes a store that made room while it was in use only after its last user', async () => {
    const { stores, counts } = files({ max: 1 })
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const using = stores.use('old', () => held)
    await stores.use('new', async () => undefined)
    await sleep(5)
    expect(counts).toEqual({ opened: 2, closed: 0 })
    release()
    await using
    await stores.close()
    expect(counts.closed).toBe(2)
  })

  it('forgets a store that could not be opened, and counts a close that failed', async () => {
    let attempts = 0
    const stores = new SessionStores(() => {
      attempts++
      if (attempts === 1) throw new Error('not yet')
      return {
        close() {
          throw new Error('no')
        },
      }
    })
    await expect(stores.use('s', async () => 1)).rejects.toThrow('not yet')
    expect(await stores.use('s', async () => 2)).toBe(2)
    await stores.close()
    await stores.close()
    expect(stores.closesFailed).toBe(1)
    await expect(stores.use('s', async () => 3)).rejects.toMatchObject({ code: 'RESOURCE_CLOSED' })
  })

  it('closes a store whose time is up', async () => {
    const { stores, counts } = files({ ttlMs: 10 })
    await stores.use('old', async () => undefined)
    await sleep(20)
    await stores.use('new', async () => undefined)
    await expect.poll(() => ({ ...counts })).toEqual({ opened: 2, closed: 1 })
  })
})
