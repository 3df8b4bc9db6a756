import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createMasker, maskLines } from '../../src/masking/index.js'

const PASSWORD = 'tr0ub4dor-and-3'

function logger() {
  const masker = createMasker({ secrets: [PASSWORD] })
  const lines: string[] = []
  const log = pino(
    { formatters: { log: (object) => masker.value(object) as Record<string, unknown> } },
    maskLines(masker, { write: (line: string) => lines.push(line) }),
  )
  return { log, lines }
}

// Seen red with the line handed on as it is.
it('no line of pino holds a secret, whichever way it got there', () => {
  const { log, lines } = logger()
  log.info(`connecting with ${PASSWORD}`)
  log.info({ connection: { user: 'reader', password: 'not registered' } }, 'opening')
  log.child({ dsn: `mysql://reader:${PASSWORD}@db.example/shop` }).warn('retry')
  log.error({ err: new Error(`refused: password=${PASSWORD}`) })
  log.info({ encoded: Buffer.from(`x${PASSWORD}y`).toString('base64') })
  const text = lines.join('')
  expect(lines).toHaveLength(5)
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ pid: process.pid })
  expect(text).not.toContain(PASSWORD)
  expect(text).not.toContain('not registered')
  expect(text).not.toContain(Buffer.from(PASSWORD).toString('base64').slice(4, 12))
  expect(text).toContain('connecting with ***')
  expect(text).toContain('"user":"reader"')
})
