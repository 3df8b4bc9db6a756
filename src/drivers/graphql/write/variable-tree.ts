import { configInvalid } from '../document.js'

/** An object of JSON as it is filled for each row: constants, and places of columns. */
export type VariableTree = { readonly kind: 'object'; readonly fields: Map<string, VariableNode> }
export type VariableNode =
  | VariableTree
  | { readonly kind: 'constant'; readonly text: string }
  | { readonly kind: 'column'; readonly index: number }
  /** Where the rows of a request go. */
  | { readonly kind: 'rows' }

export function emptyTree(): VariableTree {
  return { kind: 'object', fields: new Map() }
}

/** Puts a node at a path. Throws CONFIG_INVALID where something else stands there. */
export function plant(tree: VariableTree, path: readonly string[], node: VariableNode, at: string): void {
  const [name, ...rest] = path
  const before = tree.fields.get(name!)
  if (rest.length === 0) {
    if (before !== undefined) throw configInvalid(at, `two values for ${path.join('.')}`)
    tree.fields.set(name!, node)
    return
  }
  if (before !== undefined && before.kind !== 'object') throw configInvalid(at, `two values for ${name}`)
  const inner = before ?? emptyTree()
  tree.fields.set(name!, inner)
  plant(inner, rest, node, at)
}

/** Objects are taken apart, so that columns may stand in them beside constants. */
export function plantConstant(tree: VariableTree, path: readonly string[], value: unknown, at: string): void {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  if (!isObject) plant(tree, path, { kind: 'constant', text: JSON.stringify(value) }, at)
  else for (const [name, inner] of Object.entries(value)) plantConstant(tree, [...path, name], inner, at)
}

/** The JSON text of a tree. */
export function treeText(tree: VariableTree, column: (index: number) => string, rows: string): string {
  const parts: string[] = []
  for (const [name, node] of tree.fields) parts.push(`${JSON.stringify(name)}:${nodeText(node, column, rows)}`)
  return `{${parts.join(',')}}`
}

function nodeText(node: VariableNode, column: (index: number) => string, rows: string): string {
  switch (node.kind) {
    case 'object':
      return treeText(node, column, rows)
    case 'constant':
      return node.text
    case 'column':
      return column(node.index)
    case 'rows':
      return rows
  }
}
