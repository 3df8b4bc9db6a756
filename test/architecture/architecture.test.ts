import { builtinModules } from 'node:module'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { type Source, sources, uses } from './sources.js'

const layerOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : path)

/** What each folder may import: one direction, no way back up. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'index.ts': ['core', 'drivers', 'errors', 'masking', 'run', 'config', 'sinks'],
  cli: ['run', 'core', 'config', 'errors', 'masking', 'sinks', 'drivers', 'demo', 'remote', 'cache', 'memory', 'mcp'],
  mcp: ['errors', 'masking', 'core', 'cache', 'sinks', 'memory'],
  demo: ['run', 'core', 'config', 'errors', 'masking', 'sinks', 'drivers', 'testing', 'cli'],
  run: ['core', 'config', 'drivers', 'errors', 'masking', 'sinks', 'remote', 'cache'],
  remote: ['core', 'errors', 'masking', 'sinks'],
  drivers: ['core', 'errors', 'masking'],
  config: ['core', 'errors', 'masking'],
  core: ['errors', 'masking'],
  cache: ['errors', 'sinks'],
  memory: ['errors', 'masking', 'sinks'],
  sinks: ['errors'],
  masking: ['errors'],
  errors: [],
  testing: ['errors', 'core', 'drivers', 'masking'],
}

const broken = (rule: (source: Source) => readonly string[]) =>
  sources.flatMap((source) => rule(source).map((what) => `${source.path}: ${what}`))

describe('the source', () => {
  it('was found', () => {
    expect(sources.length).toBeGreaterThan(100)
    expect(sources.find(({ path }) => path === 'drivers/mysql/native.ts')!.imports).toContain('mysql2')
    expect(sources.find(({ path }) => path === 'core/connect.ts')!.imports).toContain('core/dial.ts')
  })

  it('imports in one direction', () => {
    const wrong = broken(({ path, imports }) => {
      const layer = layerOf(path)
      const allowed = MAY_IMPORT[layer]
      if (allowed === undefined) return ['a folder that no rule knows']
      return imports.filter(
        (name) => name.endsWith('.ts') && layerOf(name) !== layer && !allowed.includes(layerOf(name)),
      )
    })
    expect(wrong).toEqual([])
  })

  it('keeps the folders of drivers apart: another driver only through its public file', () => {
    const driverOf = (path: string) => /^drivers\/([^/]+)\//.exec(path)?.[1]
    const wrong = broken(({ path, imports }) => {
      const own = driverOf(path)
      return imports.filter((name) => {
        const other = driverOf(name)
        if (other === undefined || other === own) return false
        const isPublic = name === `drivers/${other}/index.ts`
        return own === undefined ? !isPublic : !(own === 'supabase' && other === 'postgres' && isPublic)
      })
    })
    expect(wrong).toEqual([])
  })

  it('keeps drivers and secrets out of the server for agents, through everything that it imports', () => {
    const reached = new Set<string>()
    const visit = (path: string) => {
      if (reached.has(path)) return
      reached.add(path)
      for (const name of sources.find((source) => source.path === path)?.imports ?? []) visit(name)
    }
    for (const { path } of sources) if (path.startsWith('mcp/')) visit(path)
    expect(reached).toContain('mcp/create-server.ts')
    expect(reached).toContain('sinks/audit-log.ts')
    const forbidden =
      /^(?:drivers|run|config|remote|cli)\/|^(?:mysql2|pg|pg-.*|graphql|graphql-request|undici|e2b)(?:\/|$)|^core\/(?:connect|session-pool)/
    expect([...reached].filter((name) => forbidden.test(name))).toEqual([])
  })

  it('names the client libraries in native.ts of their driver only', () => {
    const LIBRARIES = /^(mysql2|pg|graphql-request)(\/|$)/
    const wrong = broken(({ path, imports }) =>
      path.startsWith('testing/') || /^drivers\/[^/]+\/native\.ts$/.test(path)
        ? []
        : imports.filter((name) => LIBRARIES.test(name)),
    )
    expect(wrong).toEqual([])
  })

  it('loads the client libraries when they are needed, not before', () => {
    const wrong = broken(({ path, tree }) =>
      path.endsWith('/native.ts')
        ? tree.statements.flatMap((node) => {
            if (!ts.isImportDeclaration(node) || node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
              return []
            const name = (node.moduleSpecifier as ts.StringLiteral).text
            return name.startsWith('.') || name.startsWith('node:') ? [] : [name]
          })
        : [],
    )
    expect(wrong).toEqual([])
  })

  it('imports in masking no package at all, and built-in modules by their node: name everywhere', () => {
    const packages = broken(({ path, imports }) =>
      path.startsWith('masking/') ? imports.filter((name) => !name.endsWith('.ts') && !name.startsWith('node:')) : [],
    )
    expect(packages).toEqual([])
    expect(broken(({ imports }) => imports.filter((name) => builtinModules.includes(name)))).toEqual([])
  })

  it('reads the environment in config only', () => {
    // The test harness may look where its servers are; what it starts for users is told by the CLI.
    const wrong = broken((source) => (/^(config|testing)\//.test(source.path) ? [] : uses(source, 'process', ['env'])))
    expect(wrong).toEqual([])
  })

  it('writes to the terminal through the output of the command line only', () => {
    // `airlock mask` is a filter: its stream ends in stdout, behind the masker.
    const ALLOWED = ['cli/output.ts', 'cli/bin.ts', 'cli/program.ts', 'cli/commands/mask.ts']
    const wrong = broken((source) =>
      ALLOWED.includes(source.path)
        ? []
        : [
            ...uses(source, 'process', ['stdout', 'stderr'], ['isTTY', 'on', 'off', 'columns']),
            ...uses(source, 'console', ['log', 'error', 'warn', 'info', 'debug', 'trace', 'dir', 'table']),
          ],
    )
    expect(wrong).toEqual([])
  })

  it('has no default export, no file called utils, and an index.ts at public entries only', () => {
    const exported = broken(({ tree }) =>
      tree.statements.some(
        (node) =>
          (ts.isExportAssignment(node) && !node.isExportEquals) ||
          (ts.canHaveModifiers(node) &&
            ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) === true),
      )
        ? ['default export']
        : [],
    )
    expect(exported).toEqual([])
    expect(sources.filter(({ path }) => /(^|\/)(utils?|helpers?|misc|common)\.ts$/.test(path))).toEqual([])
    const stars = broken(({ tree }) =>
      tree.statements.some((node) => ts.isExportDeclaration(node) && node.exportClause === undefined)
        ? ['export *']
        : [],
    )
    expect(stars).toEqual([])
  })

  it('is in files of 400 lines at most, called in kebab-case', () => {
    expect(sources.filter(({ lines }) => lines > 400).map(({ path, lines }) => `${path}: ${lines}`)).toEqual([])
    expect(sources.map(({ path }) => path).filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(path))).toEqual([])
  })

  it('has no empty catch', () => {
    const wrong = broken(({ tree }) => {
      const found: string[] = []
      const visit = (node: ts.Node): void => {
        const isEmpty = (block: ts.Block) => block.statements.length === 0 && !/\/\/|\/\*/.test(block.getText())
        if (ts.isCatchClause(node) && isEmpty(node.block)) found.push('empty catch')
        if (
          ts.isCallExpression(node) &&
          ts.isPropertyAccessExpression(node.expression) &&
          node.expression.name.text === 'catch'
        ) {
          const [handler] = node.arguments
          if (handler !== undefined && ts.isArrowFunction(handler) && ts.isBlock(handler.body) && isEmpty(handler.body))
            found.push('empty .catch()')
        }
        ts.forEachChild(node, visit)
      }
      visit(tree)
      return found
    })
    expect(wrong).toEqual([])
  })
})
