import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { newRef } from '../../src/errors/index.js'
import { DebugSink } from '../../src/sinks/debug-sink.js'
import { scratch } from './support.js'

const masker = { value: (v: unknown) => v, text: (s: string) => s.replaceAll('hunter2', '***') }

describe('debug sink', () => {
  it('is off by default and then touches nothing', async () => {
    const parent = scratch()
    const sink = new DebugSink({ dir: join(parent, 'debug'), masker })
    sink.record({ ref: newRef(), phase: 'connect', error: new Error('hunter2') })
    await sink.close()
    expect(readdirSync(parent)).toEqual([])
    expect(sink.stats).toEqual({ enabled: false, recorded: 0, dropped: 0 })
  })

  it('writes masked records under their ref, 0600, and leaves the error as it was', async () => {
    const dir = join(scratch(), 'debug')
    const sink = new DebugSink({ dir, masker, enabled: true })
    const error = Object.assign(new Error('password hunter2 refused'), { code: '28P01', name: 'hunter2Error' })
    const before = Object.getOwnPropertyNames(error)
    sink.record({ ref: 'abc123', phase: 'connect', error })
    sink.record({ ref: 'abc124', phase: 'write', error: 'hunter2' })
    sink.record({ ref: 'abc125', phase: 'write', error: undefined })
    await sink.close()
    await sink.close()
    expect(Object.getOwnPropertyNames(error)).toEqual(before)
    const path = join(dir, 'debug-00000001.jsonl')
    const text = readFileSync(path, 'utf8')
    expect(text).not.toContain('hunter2')
    const records = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(records).toMatchObject([
      { ref: 'abc123', phase: 'connect', name: '***Error', code: '28P01' },
      { ref: 'abc124', phase: 'write', text: '***' },
      { ref: 'abc125', phase: 'write', text: 'undefined' },
    ])
    expect(records[0].text).toContain('password *** refused')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(sink.stats).toEqual({ enabled: true, recorded: 3, dropped: 0 })
  })
})
