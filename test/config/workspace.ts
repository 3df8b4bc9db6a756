import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { type LoadConfigOptions, loadConfig } from '../../src/config/load-config.js'
import { AirlockError, type ErrorCode } from '../../src/errors/index.js'
import type { Secret } from '../../src/masking/secret.js'
import { drivers } from './drivers.js'

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
