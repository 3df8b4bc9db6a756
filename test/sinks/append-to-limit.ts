/** Appends until the file size limit of the process was met a few times, and prints what came of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { AuditLog } from '../../src/sinks/audit-log.js'

const dir = process.argv[2]!
const log = await AuditLog.open({ dir, masker: { value: (v) => v, text: (s) => s }, reserveBytes: 0 })
const stored: string[] = []
let refused = 0
for (let i = 0; refused < 2 && i < 1000; i += 1) {
  try {
    await log.append({ type: 'row.written', op: `${i}`, data: { pad: 'x'.repeat(700) } })
    stored.push(`${i}`)
  } catch {
    refused += 1
  }
}
await log.append({ type: 'row.written', op: 'after' })
await log.close()
const names = readdirSync(dir).filter((name) => name.endsWith('.jsonl'))
const text = names.map((name) => readFileSync(`${dir}/${name}`, 'utf8')).join('')
const inFile = stored.every((op) => text.includes(`"op":"${op}"`))
const { problems } = await AuditLog.verify(dir)
const result = { ok: inFile && problems.length === 0, refused, stored: stored.length, segments: names.length, problems }
process.stdout.write(JSON.stringify(result))
