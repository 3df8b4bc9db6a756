import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { createMasker } from '../../src/masking/index.js'
import { AuditLog, DebugSink, Telemetry } from '../../src/sinks/index.js'
import { countSockets, type EngineName, settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { type Account, account } from './accounts.js'
import { canary } from './canaries.js'
import { CONNECTING, type Ground, POSTGRES, type Provocation, READING, READING_MYSQL } from './provocations.js'
import { everyView } from './views.js'

/** Everything in the files under a folder, by their paths from there. */
async function contents(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = files.map(async (file) => [relative(folder, file), await readFile(file, 'utf8')] as const)
  return Object.fromEntries(await Promise.all(texts))
}

/** What this process prints while the failures happen. */
function listen(): { readonly heard: string[]; stop(): void } {
  const heard: string[] = []
  const before = { stdout: process.stdout.write, stderr: process.stderr.write }
  for (const name of ['stdout', 'stderr'] as const) {
    const write = process[name].write.bind(process[name]) as (text: string | Uint8Array, ...rest: never[]) => boolean
    process[name].write = (text: string | Uint8Array, ...rest: never[]) => {
      heard.push(Buffer.from(text as string).toString())
      return write(text, ...rest)
    }
  }
  return {
    heard,
    stop: () =>
      Object.assign(process.stdout, { write: before.stdout }) &&
      Object.assign(process.stderr, { write: before.stderr }),
  }
}

const SUITES: Readonly<Record<EngineName, readonly Provocation[]>> = {
  mysql: [...CONNECTING, ...READING, ...READING_MYSQL],
  postgres: [...CONNECTING, ...READING, ...POSTGRES],
}

for (const name of ['mysql', 'postgres'] as const) {
  describeWith([name], `SE-10 errors of ${name}, their causes and all their keys`, (engines) => {
    const engine = engines[name]
    let own: Account
    let ground: Ground
    let home: string
    let audit: AuditLog
    let telemetry: Telemetry
    let debug: DebugSink
    let output: ReturnType<typeof listen>

    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'airlock-leaks-'))
      own = await account(engine)
      const masker = createMasker({ secrets: [own.password] })
      telemetry = Telemetry.open({ dir: join(home, 'telemetry'), masker })
      debug = new DebugSink({ dir: join(home, 'debug'), masker, enabled: true })
      audit = await AuditLog.open({ dir: join(home, 'audit'), masker })
      const marker = canary('m', 'x')
      own.canaries.add('marker', marker)
      ground = { account: own, ports: { name: 'conn', masker, telemetry, debug }, folder: home, marker }
      output = listen()
    })

    afterAll(async () => {
      output.stop()
      await own[Symbol.asyncDispose]()
      await rm(home, { recursive: true, force: true })
    })

    it.for(SUITES[name].map((provocation) => [provocation.name, provocation] as const))(
      '%s',
      async ([, { code, provoke }]) => {
        const outcome = await audit
          .guard({ type: 'leak.provoked', data: { code } }, () => provoke(ground))
          .then(
            () => new Error('it succeeded'),
            (error: unknown) => error,
          )
        expect(outcome).toBeInstanceOf(AirlockError)
        expect(outcome).toMatchObject({ code, ref: expect.stringMatching(/^[0-9a-f]{12}$/) as string })
        expect(outcome).not.toHaveProperty('cause')
        const error = outcome as AirlockError
        expect(own.canaries.in(everyView(error))).toEqual([])
        expect(
          own.canaries.in(everyView(Object.assign(new Error('outer', { cause: error }), { errors: [error] }))),
        ).toEqual([])
      },
    )

    it('nothing of them is on a stream or in a file; nothing is open', async () => {
      await Promise.all([audit.close(), telemetry.stop(), debug.close()])
      expect(own.canaries.in(output.heard.join(''))).toEqual([])
      const files = await contents(home)
      const written = (sink: string) =>
        Object.entries(files).flatMap(([file, text]) => (file.startsWith(sink) ? [text] : []))
      for (const sink of ['audit', 'telemetry']) {
        expect(written(sink).join('')).not.toBe('')
        expect(own.canaries.in(written(sink).join('\n'))).toEqual([])
      }
      // What a person asked for with --debug is what the server said, and that names users, hosts and values; what is
      // registered as a secret is hidden there too.
      const records = written('debug').join('')
      expect(records).toContain('"phase":"connect"')
      expect(own.canaries.only('password').in(records)).toEqual([])
      expect(await settle(() => countSockets(engine.port), 0, 3000)).toBe(0)
      expect(await settle(() => engine.sessions({ user: own.settings.user }), 0, 5000)).toBe(0)
    })
  })
}
