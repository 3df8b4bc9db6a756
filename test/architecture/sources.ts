import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

const ROOT = resolve(import.meta.dirname, '../..')
const SRC = join(ROOT, 'src')

/** One file of src/ as the rules see it. */
export interface Source {
  /** Below src/, with forward slashes. */
  readonly path: string
  readonly lines: number
  /** What it imports or re-exports, types too: paths below src/ for files of ours, names for packages. */
  readonly imports: readonly string[]
  readonly tree: ts.SourceFile
}

/** Every TypeScript file below src/. */
export const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8')
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
    return { path: path.split(sep).join('/'), lines: text.split('\n').length - 1, imports: importsOf(path, tree), tree }
  })

function importsOf(path: string, tree: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const named =
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined
        ? node.moduleSpecifier
        : ts.isCallExpression(node) &&
            (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require')
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined
    if (named !== undefined && ts.isStringLiteral(named)) found.push(locate(path, named.text))
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function locate(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  const target = resolve(SRC, dirname(from), specifier).replace(/\.js$/, '.ts')
  return relative(SRC, target).split(sep).join('/')
}

/** The places that use `object.property`, but for those that only look at or listen to it (`harmless` names). */
export function uses(
  source: Source,
  object: string,
  properties: readonly string[],
  harmless: readonly string[] = [],
): readonly string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const property = accessed(node)
    if (
      property !== undefined &&
      properties.includes(property) &&
      (node as ts.PropertyAccessExpression).expression.getText() === object
    ) {
      const next = ts.isPropertyAccessExpression(node.parent) ? node.parent.name.text : ''
      if (!harmless.includes(next)) found.push(node.parent.getText().slice(0, 60))
    }
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
  return found
}

function accessed(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return node.name.text
  if (!ts.isElementAccessExpression(node)) return undefined
  return ts.isStringLiteral(node.argumentExpression) ? node.argumentExpression.text : undefined
}
