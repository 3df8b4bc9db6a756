import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/masking/index.js'
import { AuditLog } from '../../src/sinks/audit-log.js'
import { DebugSink } from '../../src/sinks/debug-sink.js'
import { Telemetry } from '../../src/sinks/telemetry.js'
import { scratch } from './support.js'

interface Case {
  readonly id: string
  readonly api: string
  readonly input: unknown
  readonly secrets?: readonly string[]
  readonly must_not_contain?: readonly string[]
}

const corpus = readFileSync(new URL('../data/masking/visible.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter((entry) => entry.api === 'text' && (entry.must_not_contain ?? []).length > 0)

/** Every file below a directory, as text. */
function everything(dir: string): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
}

describe('A12 secrets', () => {
  it('A12 nothing of the corpus reaches a byte of audit, telemetry or debug files', { timeout: 60_000 }, async () => {
    expect(corpus.length).toBeGreaterThan(150)
    const leaked: string[] = []
    for (const entry of corpus) {
      const home = scratch('memory')
      const masker = createMasker({ secrets: entry.secrets ?? [] })
      const log = await AuditLog.open({ dir: join(home, 'audit'), masker, reserveBytes: 0, durability: 'none' })
      const telemetry = Telemetry.open({ dir: join(home, 'telemetry'), masker })
      const debug = new DebugSink({ dir: join(home, 'debug'), masker, enabled: true })
      const text = String(entry.input)
      await log.append({ type: 'query.run', op: 'o', data: { text, nested: [text] } })
      telemetry.emit('error.raised', { text })
      debug.record({ ref: '0', phase: 'query', error: new Error(text) })
      await Promise.all([log.close(), telemetry.stop(), debug.close()])
      const written = everything(home)
      const decoded = written.replaceAll(/\\(["\\/])/g, '$1')
      for (const secret of entry.must_not_contain!) {
        if (written.includes(secret) || decoded.includes(secret)) leaked.push(entry.id)
      }
    }
    expect(leaked).toEqual([])
  })

  it('A12 type, operation and session are masked too', async () => {
    const dir = scratch()
    const secret = ['pl41n', 'canary', 'value'].join('-')
    const masker = createMasker({ secrets: [secret] })
    const log = await AuditLog.open({ dir, masker, reserveBytes: 0 })
    await log.append({ type: `a.${secret}`, op: `b ${secret}`, session: `c ${secret}`, data: secret })
    await log.guard(
      { type: 'table.written' },
      () => undefined,
      () => ({ note: secret }),
    )
    await log.close()
    expect(everything(dir)).not.toContain(secret)
    expect((await AuditLog.verify(dir)).records).toBe(3)
  })
})
