import { RuleTester } from 'eslint'
import tseslint from 'typescript-eslint'
import { describe, it } from 'vitest'
import { airlock } from '../../lint/plugin.js'

RuleTester.describe = describe
RuleTester.it = it

const tester = new RuleTester({ languageOptions: { parser: tseslint.parser } })

/** Code that a rule lets pass and code that it refuses, each with one problem. */
function check(rule: string, good: readonly string[], bad: readonly string[]): void {
  tester.run(rule, airlock.rules[rule]!, {
    valid: [...good],
    invalid: bad.map((code) => ({ code, errors: 1 })),
  })
}

check(
  'lock-as-field',
  [
    'class A { #mutex = new Mutex() }',
    'class A { #mutex: Mutex; constructor() { this.#mutex = new Mutex() } }',
    'class A { static #all = new Semaphore(3) }',
    'const flights = new SingleFlight()',
    'function f() { return new Map() }',
  ],
  [
    'function f() { const mutex = new Mutex(); return mutex.runExclusive(work) }',
    'const f = async () => { await new Semaphore(1).acquire() }',
    'class A { run() { return new SingleFlight().run(key, load) } }',
    'class A { run() { return pLimit(1)(work) } }',
    'class A { constructor() { this.run = () => new Mutex() } }',
  ],
)

check(
  'no-silent-catch',
  [
    'try { f() } catch (error) { throw wrap(error) }',
    'try { f() } catch { failures++ }',
    'f().catch((error) => report(error))',
    'f().catch(() => { failures++ })',
    'f().catch(notReadyYet)',
    'schema.catch(5)',
  ],
  [
    'try { f() } catch {}',
    'try { f() } catch (error) { /* never mind */ }',
    'try { f() } catch {\n // it does not matter\n}',
    'f().catch(() => {})',
    'f().catch(() => undefined)',
    'f().catch(() => ({}))',
    'f().catch(() => { /* gone */ })',
    'f().catch(function () { return null })',
    "f().catch(() => '')",
  ],
)

check(
  'environment-in-config',
  ['function f(env) { return env.NAME }', 'process.cwd()', 'os.tmpdir()'],
  [
    'const name = process.env.NAME',
    "const name = process['env']",
    "import { homedir } from 'node:os'",
    'os.homedir()',
    "import { env } from 'node:process'",
    'join(variables.HOME, name)',
  ],
)

check(
  'no-secret-in-url',
  [
    'const url = `https://${host}:${port}/graphql`',
    "const url = 'postgres://' + host",
    "const text = 'password: ' + hint",
    'const masked = `${name}: ${password.length}`',
  ],
  [
    'const url = `postgres://${user}:${password}@${host}/db`',
    'const url = `mysql://u:${secret.reveal()}@h`',
    "const url = 'https://' + host + '?apikey=' + apiKey",
    "const url = 'https://' + encodeURIComponent(config.token) + '@' + host",
    'const url = `https://${host}/?t=${config.accessToken}`',
  ],
)

check(
  'child-environment',
  [
    "import { spawn } from 'node:child_process'; spawn('ls', [], { env: { PATH: path } })",
    "import { spawn } from 'node:child_process'; spawn('ls', [], { env })",
    "import { spawn } from './own.js'; spawn('ls')",
  ],
  [
    "import { spawn } from 'node:child_process'; spawn('ls')",
    "import { execFile as run } from 'node:child_process'; run('ls', [], { timeout: 5 })",
    "import { fork } from 'node:child_process'; fork('x.js', [], { env: process.env })",
    "import { spawn } from 'node:child_process'; spawn('ls', [], { env: { ...process.env, A: '1' } })",
  ],
)

check(
  'atomic-writes',
  ["import { readFile, rename } from 'node:fs/promises'", "import writeFileAtomic from 'write-file-atomic'"],
  [
    "import { writeFile } from 'node:fs/promises'",
    "import { appendFileSync } from 'node:fs'",
    "import fs from 'node:fs'; fs.writeFileSync(path, text)",
    "import * as fs from 'node:fs/promises'; await fs.appendFile(path, text)",
    "import { createWriteStream as open } from 'node:fs'",
  ],
)

check('no-enter-with', ['storage.run(session, work)'], ['storage.enterWith(session)'])
