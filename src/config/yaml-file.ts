import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type ErrorCode as YamlErrorCode,
} from 'yaml'
import type { AirlockError } from '../errors/index.js'
import { type FieldPath, invalidField, type PlaceMap } from './place.js'

/** The map at the root of a YAML file, as plain data, and where each of its fields stands. */
export interface YamlFile extends PlaceMap {
  readonly value: Readonly<Record<string, unknown>>
}

// Every field of a real configuration fits many times over; an alias bomb does not.
const MOST_FIELDS = 20_000
const DEEPEST = 64
// Each one is looked up by a walk over the whole document.
const MOST_ALIASES = 200

// The parser's own messages quote the file, so its error codes are all that is taken from it.
const PROBLEMS: Partial<Record<YamlErrorCode, string>> = {
  BAD_ALIAS: 'an alias has no anchor before it',
  BAD_DQ_ESCAPE: 'a double-quoted text has an unknown escape; single quotes take backslashes as they are',
  BAD_INDENT: 'the indentation does not fit the lines before it',
  BAD_SCALAR_START: 'a plain text begins with a reserved character; quote it',
  BLOCK_AS_IMPLICIT_KEY: 'two keys stand on one line; quote a text that holds `: `',
  DUPLICATE_KEY: 'a key is given twice',
  MISSING_CHAR: 'a quote, bracket or comma is missing',
  MULTIPLE_DOCS: 'the file holds more than one YAML document',
  NON_STRING_KEY: 'a key is not plain text',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'a tab is used for indentation; use spaces',
  TAG_RESOLVE_FAILED: 'YAML tags are not supported',
}

/** Parses a YAML 1.2 file whose root must be a map. `name` is what errors call the file. Throws CONFIG_INVALID with the
 * line for anything else: syntax errors, duplicate keys, tabs, tags, several documents, aliases that expand to more than
 * 20,000 fields, an empty file. No text of the file enters the error. */
export function parseYamlFile(text: string, name: string): YamlFile {
  const lines = new LineCounter()
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line)
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true, lineCounter: lines, logLevel: 'error' })
  const failure = document.errors[0] ?? document.warnings[0]
  if (failure !== undefined) throw syntaxError(name, lineAt(offsetOf(failure, text)), problemOf(failure, text))
  const root = document.contents
  if (root === null || (isScalar(root) && root.value === null)) throw syntaxError(name, 1, 'the file is empty')
  if (!isMap(root)) throw syntaxError(name, lineAt(root.range?.[0] ?? 0), 'the file must be a map of keys and values')
  const builder = new TreeBuilder(name, lineAt, (alias) => (isAlias(alias) ? alias.resolve(document) : alias))
  return { name, value: builder.build(root) as Record<string, unknown>, line: (path) => builder.line(path) }
}

/** Where a failure stands. A second key after one without a value is reported at the end of the line before. */
function offsetOf(
  { code, pos }: { readonly code: YamlErrorCode; readonly pos: readonly [number, number] },
  text: string,
) {
  const blanks = code === 'DUPLICATE_KEY' ? text.slice(pos[0]).search(/\S/) : 0
  return pos[0] + Math.max(0, blanks)
}

function problemOf(failure: { readonly code: YamlErrorCode; readonly pos: readonly [number, number] }, text: string) {
  const known = PROBLEMS[failure.code]
  if (known !== undefined) return known
  // `{ password: ${env:X} }` without quotes: the braces of the reference end the map.
  const from = text.lastIndexOf('\n', failure.pos[0] - 1) + 1
  const quoted = text.slice(from, failure.pos[1] + 1).includes('${')
  return quoted ? 'a reference inside { } or [ ] must stand in double quotes' : 'this is not valid YAML'
}

function syntaxError(name: string, line: number, problem: string): AirlockError {
  return invalidField({ name, line: () => line }, [], problem)
}

/** Turns YAML nodes into plain data and notes the line of every field. */
class TreeBuilder {
  #name: string
  #lineAt: (offset: number) => number
  #resolve: (node: Node) => Node | undefined
  #lines = new Map<string, number>()
  #fields = 0
  #aliases = 0

  constructor(name: string, lineAt: (offset: number) => number, resolve: (node: Node) => Node | undefined) {
    this.#name = name
    this.#lineAt = lineAt
    this.#resolve = resolve
  }

  build(root: Node): unknown {
    return this.#plain(root, [])
  }

  line(path: FieldPath): number {
    for (let length = path.length; length >= 0; length--) {
      const line = this.#lines.get(JSON.stringify(path.slice(0, length)))
      if (line !== undefined) return line
    }
    return 1
  }

  #plain(written: Node, path: FieldPath): unknown {
    this.#note(path, written)
    if (isAlias(written)) this.#aliases++
    if (++this.#fields > MOST_FIELDS || this.#aliases > MOST_ALIASES || path.length > DEEPEST) {
      throw this.#error(path, 'aliases or nesting make the file too large')
    }
    const node = this.#resolve(written)
    if (node === undefined) throw this.#error(path, 'an alias has no anchor before it')
    if (isMap(node)) {
      const entries: [string, unknown][] = []
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : ''
        // The key's own line: a value may begin on the next one.
        this.#note([...path, name], key as Node)
        if (name === '__proto__') throw this.#error([...path, name], 'this key is not allowed')
        entries.push([name, value === null ? null : this.#plain(value as Node, [...path, name])])
      }
      return Object.fromEntries(entries)
    }
    if (isSeq(node)) return node.items.map((item, index) => this.#plain(item as Node, [...path, index]))
    const value = isScalar(node) ? node.value : undefined
    const scalar =
      value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (!scalar) throw this.#error(path, 'YAML tags are not supported')
    return value
  }

  #note(path: FieldPath, node: Node): void {
    const key = JSON.stringify(path)
    const offset = node.range?.[0]
    if (offset !== undefined && !this.#lines.has(key)) this.#lines.set(key, this.#lineAt(offset))
  }

  #error(path: FieldPath, problem: string): AirlockError {
    return invalidField({ name: this.#name, line: () => this.line(path) }, path, problem)
  }
}
