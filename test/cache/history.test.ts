import { describe, expect, it } from 'vitest'
import { BoundedHistory, StateMachine } from '../../src/cache/index.js'
import { upTo } from '../sinks/support.js'

describe('a bounded history', () => {
  it('B1 keeps the latest hundred of ten thousand, and counts the rest', () => {
    const history = new BoundedHistory<number>(100)
    for (const i of upTo(10_000)) history.push(i)
    expect(history.items()).toEqual(upTo(100).map((i) => 9900 + i))
    expect(history).toMatchObject({ size: 100, dropped: 9900 })
  })

  it('gives copies that later pushes do not change', () => {
    const history = new BoundedHistory<number>(3)
    history.push(1)
    const before = history.items()
    for (const i of [2, 3, 4]) history.push(i)
    expect(before).toEqual([1])
    expect(history.items()).toEqual([2, 3, 4])
    expect(() => (before as number[]).push(5)).toThrow(TypeError)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses a capacity of %d', (capacity) => {
    expect(() => new BoundedHistory(capacity)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('a state machine', () => {
  const steps = { idle: ['running'], running: ['idle', 'done'], done: [] } as const

  it('STATE-004 stays as small after a million transitions as after a hundred', () => {
    const machine = new StateMachine<'idle' | 'running' | 'done'>('idle', steps)
    for (const _ of upTo(500_000)) {
      machine.to('running')
      machine.to('idle')
    }
    const { steps: kept, dropped } = machine.history
    expect(kept).toHaveLength(100)
    expect(dropped).toBe(999_900)
  })

  // Guard: the table of steps. Broken once by accepting any step: all three passed.
  it('STATE-015 refuses a step that does not exist, names both states and stays where it was', () => {
    const machine = new StateMachine<'idle' | 'running' | 'done'>('idle', steps)
    for (const [before, wrong] of [
      ['idle', 'done'],
      ['running', 'running'],
      ['done', 'idle'],
    ] as const) {
      if (machine.state !== before) machine.to(before)
      expect(() => machine.to(wrong)).toThrow(`from ${before} to ${wrong}`)
      expect(machine.state).toBe(before)
    }
  })
})
