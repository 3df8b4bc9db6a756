import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Output } from '../../src/cli/output.js'
import { AirlockError } from '../../src/errors/index.js'
import { createMasker } from '../../src/masking/index.js'
import type { RunReport } from '../../src/run/report.js'
import { saveReport } from '../../src/run/saved-reports.js'
import { AuditLog, DebugSink, Telemetry } from '../../src/sinks/index.js'
import { Canaries, canary } from './canaries.js'

const SRC = fileURLToPath(new URL('../../src/', import.meta.url))

/** Every place that can put something on a stream or into a file, what it does that with, and why that is safe. There is
 * no other: whoever adds one says so here, and shows below that it masks. `testing/` runs servers without users' data. */
const CHOKE_POINTS: Readonly<Record<string, readonly [outlets: readonly string[], safe: string]>> = {
  'cache/disk-tier.ts': [['writeFileAtomic'], 'what its caller caches, for the owner alone: catalogues, no rows'],
  'cache/generations.ts': [['writeFileAtomic'], 'random bytes'],
  'cache/key-locks.ts': [['fs.open'], 'an empty file'],
  'cli/bin.ts': [['process.stdout.write'], 'the version'],
  'cli/output.ts': [['process.stderr.write', 'process.stdout.write'], 'masks'],
  'cli/commands/mask.ts': [['process.stdout'], 'masks: it is the end of the stream masker'],
  'cli/commands/query.ts': [['fs.createReadStream'], 'reads'],
  'config/read-text-file.ts': [['fs.open'], 'reads'],
  'config/secret-file.ts': [['fs.open'], 'reads'],
  'demo/demo-folder.ts': [
    ['fs.copyFile', 'fs.mkdtemp', 'fs.writeFile'],
    'a configuration that holds references in place of secrets',
  ],
  'drivers/files/write/file-lock.ts': [['fs.open'], 'an empty file'],
  'drivers/files/root.ts': [['fs.mkdir', 'fs.open'], 'folders of a target that is asked for'],
  'drivers/files/write/staged-file.ts': [
    ['fs.open', 'fs.rename'],
    'the rows of a target that is asked for, after their masks',
  ],
  'drivers/files/transfer.ts': [['fs.createReadStream'], 'reads'],
  'drivers/graphql/write/quarantine.ts': [
    ['fs.open'],
    'rows that a target refused, in a file that is asked for, after their masks',
  ],
  'mcp/relaunch.ts': [['stdio inherit'], 'the server itself, started anew with a smaller environment'],
  'memory/note-files.ts': [['fs.mkdir', 'fs.open', 'writeFileAtomic'], 'notes, masked before they come here'],
  'remote/collect-artifacts.ts': [['fs.mkdir'], 'a folder'],
  'remote/deployment-id.ts': [['fs.link', 'fs.open'], 'random bytes'],
  'remote/frame-writer.ts': [['fs.open', 'fs.write'], 'masks, in the sandbox'],
  'remote/part-file.ts': [
    ['fs.mkdir', 'fs.open', 'fs.rename'],
    'what a worker left, searched for secrets before it is kept',
  ],
  'remote/remote-event-log.ts': [['fs.mkdir', 'fs.open', 'fs.write'], 'masks: ids, closed words and counts'],
  'remote/retry-after.ts': [
    ['node:diagnostics_channel subscribe', 'node:diagnostics_channel unsubscribe'],
    'listens for one header',
  ],
  'remote/worker/digest-file.ts': [['fs.createReadStream'], 'reads'],
  'remote/worker/life.ts': [['fs.write'], 'masks, in the sandbox'],
  'remote/worker/run-worker.ts': [['fs.mkdir'], 'folders of the worker'],
  'remote/worker/write-artifact.ts': [['fs.open', 'fs.rename'], 'the report of a job, masked, in the sandbox'],
  'run/saved-reports.ts': [['fs.mkdir', 'writeFileAtomic'], 'masks'],
  'run/state-store.ts': [['fs.mkdir', 'writeFileAtomic'], 'how far streams came, for the owner alone'],
  'sinks/audit-verify.ts': [['fs.open'], 'reads'],
  'sinks/directory-lock.ts': [['fs.open'], 'an empty file'],
  'sinks/line-reader.ts': [['fs.open'], 'reads'],
  'sinks/log-salt.ts': [['fs.link', 'fs.open'], 'random bytes'],
  'sinks/private-files.ts': [['fs.mkdir', 'fs.open'], 'masks: audit, telemetry and debug mask what they queue'],
  'sinks/reserve.ts': [['fs.open'], 'zeros'],
  'sinks/seal-keys.ts': [['writeFileAtomic'], 'random bytes'],
}

/** Functions of node:fs and its promises that put something into a file system. */
const WRITES = /^(?:write|append|create|mkdir|mkdtemp|open|copy|cp|rename|link|symlink|truncate|ftruncate)/
const MODULES =
  /^(?:node:)?(?:fs|fs\/promises|diagnostics_channel|v8|inspector|repl|readline|tty)$|^write-file-atomic$|^pino|^winston|^debug$/

/** What a file uses that could print or write. */
function outlets(name: string, text: string): string[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const found = new Set<string>()
  const imported = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) addImports(node, imported, found)
    if (ts.isCallExpression(node)) {
      const callee = node.expression.getText(file)
      if (/^console\.|^process\.(?:emitWarning|report|_rawDebug|binding)/.test(callee)) found.add(callee)
      const target = node.arguments[0]
      const dynamic = node.expression.kind === ts.SyntaxKind.ImportKeyword
      if (dynamic && target !== undefined && ts.isStringLiteral(target) && MODULES.test(target.text)) {
        found.add(`import(${target.text})`)
      }
    }
    if (ts.isPropertyAccessExpression(node) && /^process\.(?:stdout|stderr)$/.test(node.getText(file))) {
      const { parent } = node
      const member = ts.isPropertyAccessExpression(parent) && parent.expression === node ? parent.name.text : undefined
      // To ask a stream whether it is a terminal, or to listen to its end, prints nothing.
      if (member === undefined) found.add(node.getText(file))
      else if (!['isTTY', 'on', 'columns'].includes(member)) found.add(`${node.getText(file)}.${member}`)
    }
    // The same by other ways to write it, and a child that prints where we print.
    if (ts.isElementAccessExpression(node) && node.expression.getText(file) === 'process') found.add('process[]')
    if (ts.isBindingElement(node) && /^std(?:out|err)$/.test(node.name.getText(file)))
      found.add(node.name.getText(file))
    if (ts.isStringLiteral(node) && node.text === 'inherit') found.add('stdio inherit')
    if (ts.isIdentifier(node) && !ts.isImportSpecifier(node.parent)) {
      const original = imported.get(node.text)
      if (original !== undefined && !isMemberName(node)) found.add(original)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return [...found].sort()
}

function addImports(node: ts.ImportDeclaration, imported: Map<string, string>, found: Set<string>): void {
  if (!ts.isStringLiteral(node.moduleSpecifier)) return
  const module = node.moduleSpecifier.text
  const clause = node.importClause
  if (!MODULES.test(module) || clause === undefined || clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return
  if (clause.name !== undefined) found.add(clause.name.text)
  const bindings = clause.namedBindings
  if (bindings === undefined) return
  if (ts.isNamespaceImport(bindings)) found.add(`all of ${module}`)
  else {
    for (const { name, propertyName, isTypeOnly } of bindings.elements) {
      const original = (propertyName ?? name).text
      if (!/^(?:node:)?fs/.test(module)) found.add(`${module} ${original}`)
      else if (!isTypeOnly && WRITES.test(original)) imported.set(name.text, `fs.${original.replace(/Sync$/, '')}`)
    }
  }
}

/** `x.open` and `{ open() … }` only share the name. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    ((ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent) || ts.isPropertyAssignment(parent)) &&
      parent.name === node)
  )
}

describe('choke points', () => {
  it('nothing prints or writes but the files that are named here', { timeout: 120_000 }, () => {
    const names = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !name.startsWith('testing/'),
    )
    expect(names.length).toBeGreaterThan(100)
    const found = names.map((name) => [name, outlets(name, readFileSync(join(SRC, name), 'utf8'))] as const)
    const expected = Object.entries(CHOKE_POINTS).map(([name, [used]]) => [name, used])
    expect(Object.fromEntries(found.filter(([, used]) => used.length > 0))).toEqual(Object.fromEntries(expected))
  })

  it.for([
    ['console.error(1)', 'console.error'],
    ['process.stdout.write(x)', 'process.stdout.write'],
    ['source.pipe(process.stderr)', 'process.stderr'],
    ['const { stdout } = process', 'stdout'],
    ["process['stdout'].write(x)", 'process[]'],
    ["import { writeFileSync as w } from 'node:fs'\nw(a, b)", 'fs.writeFile'],
    ["import * as fs from 'fs/promises'", 'all of fs/promises'],
    ["const fs = await import('node:fs')", 'import(node:fs)'],
    ["import pino from 'pino'", 'pino'],
    ["spawn(a, { stdio: 'inherit' })", 'stdio inherit'],
    ['process.emitWarning(x)', 'process.emitWarning'],
  ] as const)('would find %s', ([text, outlet]) => {
    expect(outlets('x.ts', text)).toEqual([outlet])
    expect(outlets('x.ts', `// ${text.split('\n')[0]}\nconst line = process.stdout.isTTY`)).toEqual([])
  })
})

describe('each of them masks', () => {
  // As a value that is registered, in forms that it takes on the way, and as a shape that only the rules know.
  const secret = canary('s"', '%/ß')
  const inUrl = canary()
  const canaries = new Canaries({ secret, inUrl })
  const masker = createMasker({ secrets: [secret] })
  const text = `${secret} ${encodeURIComponent(secret)} ${Buffer.from(secret).toString('base64')} mysql://u:${inUrl}@h/d`
  const data = { [`a ${secret}`]: text, list: [text], nested: { text } }

  it.for([false, true])('the output of the command line (json: %s)', (json) => {
    const printed: string[] = []
    const spies = (['stdout', 'stderr'] as const).map((stream) =>
      vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
        printed.push(String(chunk))
        return true
      }),
    )
    try {
      const output = new Output({ json, quiet: false, color: false }, createMasker())
      output.use(masker)
      const error = new AirlockError('USAGE', { params: { problem: text } })
      output.result(data, text)
      output.failedResult(data, text, error.toJSON())
      output.error(error)
      output.note(text)
      output.problem(text)
      output.progress(text)
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
    expect(printed.length).toBe(json ? 4 : 6)
    expect(canaries.in(printed.join(''))).toEqual([])
    expect(printed.join('')).toContain('***')
  })

  it('saved reports, audit, telemetry and debug', async () => {
    const home = mkdtempSync(join(tmpdir(), 'airlock-leaks-'))
    onTestFinished(() => rmSync(home, { recursive: true, force: true }))
    await saveReport(home, { run_id: 'run', pipeline: text, streams: [data] } as unknown as RunReport, masker)
    const audit = await AuditLog.open({ dir: join(home, 'audit'), masker })
    const telemetry = Telemetry.open({ dir: join(home, 'telemetry'), masker })
    const debug = new DebugSink({ dir: join(home, 'debug'), masker, enabled: true })
    await audit.append({ type: 'x', op: secret, data })
    telemetry.emit('error.raised', data)
    debug.record({ ref: '0', phase: 'query', error: Object.assign(new Error(text), { name: secret, code: secret }) })
    await Promise.all([audit.close(), telemetry.stop(), debug.close()])
    for (const sink of ['runs', 'audit', 'telemetry', 'debug']) {
      const files = readdirSync(join(home, sink)).map((name) => readFileSync(join(home, sink, name), 'utf8'))
      expect(files.join('')).toContain('***')
      expect(canaries.in(files.join('\n')), sink).toEqual([])
    }
  })
})
