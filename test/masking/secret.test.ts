import assert from 'node:assert'
import { execFile } from 'node:child_process'
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { format, inspect, promisify } from 'node:util'
import v8 from 'node:v8'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { AirlockError } from '../../src/errors/index.js'
import { Secret } from '../../src/masking/secret.js'

const VALUE = 'canary-Zx9-4417-value'
const secret = new Secret(VALUE, 'shop')

/** What a console method writes when it is given a value. */
function printed(method: 'log' | 'error' | 'warn' | 'dir' | 'table' | 'trace' | 'group', value: unknown): string {
  let out = ''
  const sink = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk)
      done()
    },
  })
  new Console({ stdout: sink, stderr: sink })[method](value)
  return out
}

function thrownBy(run: () => void): Error {
  try {
    run()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('nothing was thrown')
}

function posted(value: unknown): unknown {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(value)
  const message: unknown = receiveMessageOnPort(port2)
  port1.close()
  port2.close()
  return message
}

const SINKS: Readonly<Record<string, () => string>> = {
  'console.log': () => printed('log', secret),
  'console.error': () => printed('error', { secret }),
  'console.warn': () => printed('warn', [secret]),
  'console.dir': () => printed('dir', secret),
  'console.table': () => printed('table', [{ secret }]),
  'console.trace': () => printed('trace', secret),
  'console.group': () => printed('group', secret),
  template: () => `${secret}`,
  concatenation: () => `a${String(secret)}b${[secret].join()}`,
  'number and default primitive': () => `${Number(secret)} ${secret[Symbol.toPrimitive]()}`,
  'JSON.stringify': () => JSON.stringify({ secret, list: [secret] }),
  inspect: () => inspect({ secret }),
  'inspect with everything shown': () =>
    inspect(secret, { showHidden: true, depth: null, getters: true, showProxy: true }),
  'inspect without custom': () =>
    inspect(secret, { showHidden: true, customInspect: false, depth: null, getters: true }),
  'format %o %O %s %j': () => format('%o %O %s %j', secret, secret, secret, secret),
  structuredClone: () => inspect(structuredClone(secret), { showHidden: true }),
  postMessage: () => inspect(posted(secret), { depth: null, showHidden: true }),
  'v8.serialize': () => v8.serialize(secret).toString('latin1') + v8.serialize(secret).toString('utf16le'),
  Headers: () => JSON.stringify([...new Headers({ authorization: String(secret), x: secret as unknown as string })]),
  URLSearchParams: () => new URLSearchParams({ q: secret as unknown as string }).toString(),
  'URL and query': () => new URL(`https://h.test/${secret}?q=${secret}`).href,
  'error message': () => inspect(new Error(`failed with ${secret}`)),
  'assert diff': () =>
    inspect(
      thrownBy(() => assert.deepStrictEqual({ secret }, { secret: 1 })),
      { depth: null, showHidden: true },
    ),
  'Object.entries and spread': () =>
    inspect([Object.entries(secret), { ...secret }, Reflect.ownKeys(secret)], { showHidden: true }),
  'Object.prototype.toString': () => Object.prototype.toString.call(secret),
  'for in, assign': () => JSON.stringify(Object.assign({}, secret)),
  'key of an object': () => Object.keys({ [secret as unknown as string]: 1 }).join(),
}

describe('Secret', () => {
  it.each(Object.entries(SINKS))('shows nothing through %s', (_name, sink) => {
    const shown = sink()
    for (const part of [
      VALUE,
      VALUE.slice(0, 8),
      VALUE.slice(-8),
      Buffer.from(VALUE).toString('base64').slice(0, 16),
    ]) {
      expect(shown).not.toContain(part)
    }
    // Lines of a stack have numbers of their own.
    expect(shown.replace(/^.*:\d+:\d+.*$/gm, '')).not.toContain(String(VALUE.length))
  })

  it('shows nothing through an unhandled rejection and a diagnostic report of a child process', async () => {
    const script = `
      import { Secret } from './src/masking/secret.ts'
      const secret = new Secret(['canary-Zx9', '4417', 'value'].join('-'), 'shop')
      process.report.writeReport = undefined
      console.log(JSON.stringify(process.report.getReport(new Error('with ' + secret))))
      const error = new Error('rejected with ' + secret)
      error.secret = secret
      error.cause = { secret }
      Promise.reject(error)`
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, NODE_OPTIONS: '' },
      maxBuffer: 64 * 1024 * 1024,
    })
    const ended = await run.then(
      () => null,
      (error: { stdout: string; stderr: string; code: number }) => error,
    )
    expect(ended?.code).toBe(1)
    expect(ended?.stderr).toContain('rejected with ***')
    expect(ended?.stdout).toContain('javascriptStack')
    expect(`${ended?.stdout}${ended?.stderr}`).not.toContain(VALUE)
  })

  it('is frozen and has no own properties', () => {
    expect(Object.isFrozen(secret)).toBe(true)
    expect(Reflect.ownKeys(secret)).toEqual([])
  })

  it('gives its value to whoever reveals it, and a changed one under the same label', () => {
    const bytes = secret.map((value) => Buffer.from(value))
    expect(secret.reveal()).toBe(VALUE)
    expect(bytes.reveal().toString()).toBe(VALUE)
    expect(bytes.label).toBe('shop')
  })

  it('compares by value', () => {
    expect(secret.equals(new Secret(VALUE, 'other'))).toBe(true)
    expect(secret.equals(new Secret(`${VALUE}x`, 'shop'))).toBe(false)
    expect(new Secret(1, 'n').equals(new Secret(1, 'n'))).toBe(true)
    expect(new Secret<unknown>({}, 'o').equals(new Secret<unknown>({}, 'o'))).toBe(false)
  })

  it('gives nothing once it is disposed of', () => {
    const short = new Secret(VALUE, 'brief')
    short.dispose()
    expect(() => short.reveal()).toThrow(AirlockError)
    expect(thrownBy(() => short.reveal())).toMatchObject({ code: 'SECRET_UNRESOLVED' })
  })
})
