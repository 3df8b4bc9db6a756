import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { DriverDeclarations } from '../../src/config/airlock-file.js'
import { type LoadConfigOptions, loadConfig } from '../../src/config/load-config.js'
import { commonFields, secret, serverFields, topology } from '../../src/core/config-fields.js'
import { AirlockError, type ErrorCode } from '../../src/errors/index.js'
import type { Secret } from '../../src/masking/secret.js'

/** Two drivers as the built-in ones are made: one server, one API with secrets in a union, a list and a map. */
export const drivers = {
  server: {
    config: z.strictObject({ ...commonFields, ...serverFields }),
    urlSchemes: ['server'],
    policies: { zero_dates: ['null', 'error'], time: ['interval', 'time'] },
  },
  api: {
    config: z
      .strictObject({
        ...commonFields,
        endpoint: topology(),
        weight: z.number().optional(),
        auth: z
          .discriminatedUnion('type', [
            z.strictObject({ type: z.literal('bearer'), token: secret() }),
            z.strictObject({ type: z.literal('basic'), user: topology(), password: secret() }),
          ])
          .optional(),
        headers: z.record(z.string(), secret()).optional(),
        keys: z.array(secret()).optional(),
      })
      .refine((config) => config.endpoint !== 'nowhere', { error: 'the endpoint leads nowhere' }),
    policies: {},
  },
} as const satisfies DriverDeclarations

/** A folder of its own for one test, removed afterwards. */
export async function workspace(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'airlock-config-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
    await chmod(join(folder, name), 0o600)
  }
  return folder
}

/** Loads an airlock.yaml of this text, or the one in `cwd`; collects what `onSecret` is told. */
export async function load(text: string | undefined, options: Partial<LoadConfigOptions> = {}) {
  const cwd = options.cwd ?? (await workspace(text === undefined ? {} : { 'airlock.yaml': text }))
  const told: Secret<string>[] = []
  const config = await loadConfig({ cwd, env: {}, drivers, onSecret: (value) => told.push(value), ...options })
  return { config, cwd, told }
}

/** The error of a refused call. Asserts its code, and that none of the given texts is in anything it can print. */
export async function refusal(
  work: Promise<unknown>,
  code: ErrorCode,
  ...absent: readonly string[]
): Promise<AirlockError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(AirlockError)
  const failure = error as AirlockError
  expect(failure.code, failure.message).toBe(code)
  const shown = [
    failure.message,
    failure.hint,
    JSON.stringify(failure),
    inspect(failure, { depth: 10, showHidden: true }),
    String(failure.stack),
  ].join('\n')
  for (const text of absent) expect(shown).not.toContain(text)
  expect(failure.cause).toBeUndefined()
  return failure
}
