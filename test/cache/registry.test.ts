import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { KeyedRegistry } from '../../src/cache/index.js'
import { upTo } from '../sinks/support.js'

class Thing {
  static closed: string[] = []
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
  async close(): Promise<void> {
    Thing.closed.push(this.name)
  }
}

const slowly = async (name: string) => {
  await sleep(5)
  return new Thing(name)
}

describe('a registry', () => {
  // Guard: the slot is set before the first await. Broken once by awaiting the construction first: 100 objects.
  it('R1 constructs once for a hundred callers of one turn', async () => {
    let made = 0
    const registry = new KeyedRegistry(async (name) => {
      made++
      return await slowly(name)
    })
    const things = await Promise.all(upTo(100).map(() => registry.get('a', undefined)))
    expect(made).toBe(1)
    expect(new Set(things).size).toBe(1)
  })

  // Guard: options are compared. Broken once by ignoring them: the second caller got what it had not asked for.
  it('R1 refuses the same key with other options, while it is made and afterwards', async () => {
    const registry = new KeyedRegistry<Thing, { readonly size: number }>(slowly, {
      sameOptions: (a, b) => a.size === b.size,
    })
    const first = registry.get('a', { size: 1 })
    await expect(registry.get('a', { size: 2 })).rejects.toMatchObject({ code: 'REGISTRY_CONFLICT' })
    expect(await registry.get('a', { size: 1 })).toBe(await first)
    await expect(registry.get('a', { size: 2 })).rejects.toMatchObject({ code: 'REGISTRY_CONFLICT' })
  })

  it('R1 tries again after a construction that failed, for all who waited and later ones', async () => {
    let attempts = 0
    const registry = new KeyedRegistry(async (name) => {
      attempts++
      await sleep(2)
      if (attempts === 1) throw new Error('not yet')
      return new Thing(name)
    })
    const outcomes = await Promise.allSettled(upTo(10).map(() => registry.get('a', undefined)))
    expect(outcomes.every((outcome) => outcome.status === 'rejected')).toBe(true)
    expect((await registry.get('a', undefined)).name).toBe('a')
    expect(attempts).toBe(2)
  })

  it('R1 closes in reverse order, once, and gives nothing out afterwards', async () => {
    Thing.closed = []
    const registry = new KeyedRegistry(slowly)
    for (const name of ['a', 'b', 'c']) await registry.get(name, undefined)
    const late = registry.get('d', undefined)
    const [one, two] = await Promise.all([registry.close(), registry.close()])
    expect(Thing.closed).toEqual(['d', 'c', 'b', 'a'])
    expect(one).toBe(two)
    expect(one).toEqual({ closed: 4, leftOver: [] })
    expect((await late).name).toBe('d')
    await expect(registry.get('a', undefined)).rejects.toMatchObject({ code: 'RESOURCE_CLOSED' })
  })

  // Guard: the deadline. Broken once by awaiting each close: this test never ended.
  it('R1 closes within its deadline and says what is left over', async () => {
    const registry = new KeyedRegistry<{ close(): Promise<void> }>(
      (name) => ({
        async close() {
          if (name === 'hangs') await new Promise(() => undefined)
          if (name === 'fails') throw new Error('no')
        },
      }),
      { closeMs: 50 },
    )
    for (const name of ['good', 'fails', 'hangs']) await registry.get(name, undefined)
    const closed = await registry.close()
    expect(closed.leftOver).toEqual(expect.arrayContaining(['hangs', 'fails']))
    expect(closed.closed + closed.leftOver.length).toBe(3)
  })
})
