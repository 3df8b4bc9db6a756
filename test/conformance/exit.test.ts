import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { Engine } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'

const PROGRAM = fileURLToPath(new URL('exit.ts', import.meta.url))

describeWith(['mysql', 'postgres'], 'a process that has closed everything', (engines) => {
  it.each(['mysql', 'postgres'] as const)(
    'CN-12, SO-5 outlives a killed idle session and ends by itself (exit code, milliseconds, stderr): %s',
    async (name) => {
      const engine = engines[name]
      const database = await engine.createDatabase('exits')
      const child = start(engine, database)
      try {
        const lines = createInterface({ input: child.stdout! })
        const said: string[] = []
        lines.on('line', (line) => said.push(line))
        const errors: Buffer[] = []
        child.stderr!.on('data', (chunk: Buffer) => errors.push(chunk))
        const line = async (text: string) => {
          while (!said.includes(text)) await Promise.race([once(lines, 'line'), exited(child)])
        }
        await line('ready')
        expect(await engine.endSessions({ user: database.user })).toBe(2)
        child.stdin!.write('\n')
        await line('closed')
        const closed = performance.now()
        const [code, signal] = await once(child, 'exit')
        const took = performance.now() - closed
        if (process.env['AIRLOCK_MEASURE'] !== undefined)
          process.stdout.write(`measured ${Math.round(took)} ms ${name}: CN-12 from the last close to the exit\n`)
        expect([code, signal]).toEqual([0, null])
        expect(took).toBeLessThan(3_000)
        expect(said).toEqual(['rows 1', 'ready', 'idle CONNECTION_LOST', 'closed'])
        expect(Buffer.concat(errors).toString()).toBe('')
      } finally {
        child.kill('SIGKILL')
        await database.drop()
      }
    },
  )
})

type Login = { readonly name: string; readonly user: string; readonly password: string }

function start(engine: Engine, { name, user, password }: Login): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
    env: {
      PATH: process.env['PATH'],
      ENGINE: engine.engine,
      PORT: String(engine.port),
      LOGIN: JSON.stringify({ host: engine.host, database: name, user, password }),
    },
  })
}

async function exited(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`the program ended with ${String(code)}`)
}
