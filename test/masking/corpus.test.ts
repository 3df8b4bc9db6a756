import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createMasker, maskColumn, maskDsn } from '../../src/masking/index.js'
import { buildError, dump, type ErrorDescription } from './error-dump.js'

interface Case {
  readonly id: string
  readonly api: 'text' | 'object' | 'dsn' | 'stream' | 'error' | 'column'
  readonly level: 'core' | 'hard'
  readonly input?: unknown
  readonly chunks?: readonly string[]
  readonly error?: ErrorDescription
  readonly secrets: readonly string[]
  readonly options?: {
    readonly hideTopology?: boolean
    readonly secretPaths?: readonly string[]
    readonly rule?: string
  }
  readonly must_not_contain: readonly string[]
  readonly must_contain: readonly string[]
  readonly untouched?: boolean
}

const CASES: readonly Case[] = readFileSync(new URL('../data/masking/visible.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
const HARD_GOAL = 0.95

function outputOf(one: Case): string {
  const { hideTopology, secretPaths } = one.options ?? {}
  const masker = createMasker({
    secrets: one.secrets,
    ...(secretPaths === undefined ? {} : { secretPaths }),
    ...(hideTopology === undefined ? {} : { hideTopology }),
  })
  switch (one.api) {
    case 'text':
      return masker.text(one.input as string)
    case 'object':
      return JSON.stringify(masker.value(one.input))
    case 'dsn':
      return maskDsn(one.input as string, hideTopology === undefined ? {} : { hideTopology })
    case 'stream': {
      const chunks = masker.chunks()
      return (
        (one.chunks ?? (one.input as readonly string[])).map((chunk) => chunks.write(chunk)).join('') + chunks.end()
      )
    }
    case 'error':
      return dump(masker.error(buildError(one.error ?? (one.input as ErrorDescription))))
    case 'column':
      return String(
        maskColumn(one.options?.rule ?? '', one.input as string, { key: Buffer.alloc(32, 7), column: 'users.email' }),
      )
  }
}

/** What is wrong with an output; an empty list when nothing is. */
function faultsOf(one: Case): string[] {
  const output = outputOf(one)
  const faults: string[] = []
  one.must_not_contain.forEach((secret, i) => {
    if (output.includes(secret) || output.includes(JSON.stringify(secret).slice(1, -1))) faults.push(`leaks ${i}`)
  })
  one.must_contain.forEach((kept, i) => {
    if (!output.includes(kept) && !output.includes(JSON.stringify(kept).slice(1, -1))) faults.push(`lost ${i}`)
  })
  if (one.untouched) {
    const input = one.api === 'object' ? JSON.stringify(one.input) : ((one.chunks ?? one.input) as string | string[])
    if (output !== (Array.isArray(input) ? input.join('') : input)) faults.push('touched')
  }
  return faults
}

describe('masking corpus', () => {
  it.each(CASES.filter((one) => one.level === 'core').map((one) => [one.id, one] as const))('%s', (_id, one) => {
    expect(faultsOf(one)).toEqual([])
  })

  it('passes the hard cases but for one in twenty', () => {
    const hard = CASES.filter((one) => one.level === 'hard')
    const passed = hard.filter((one) => faultsOf(one).length === 0)
    expect(passed.length / hard.length).toBeGreaterThanOrEqual(HARD_GOAL)
  })

  it('masks every text once: masking again changes nothing', () => {
    const changed = CASES.filter((one) => one.api === 'text').filter((one) => {
      const masker = createMasker({ secrets: one.secrets })
      const once = masker.text(one.input as string)
      return masker.text(once) !== once
    })
    expect(changed.map((one) => one.id)).toEqual([])
  })

  it.each([1, 3, 7, 64])('gives the same for a stream cut every %i characters', (size) => {
    const differing = CASES.filter((one) => one.api === 'text').filter((one) => {
      const masker = createMasker({ secrets: one.secrets })
      const text = one.input as string
      const chunks = masker.chunks()
      let joined = ''
      for (let at = 0; at < text.length; at += size) joined += chunks.write(text.slice(at, at + size))
      return joined + chunks.end() !== masker.text(text)
    })
    expect(differing.map((one) => one.id)).toEqual([])
  })
})
