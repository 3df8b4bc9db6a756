import { basename } from 'node:path'
import { AirlockError, type ErrorCode } from '../errors/index.js'

/** Keys and indexes from the root of a configuration file to one of its fields. */
export type FieldPath = readonly PropertyKey[]

/** A configuration file as errors speak of it: its name and where each field stands. */
export interface PlaceMap {
  /** The bare name of the file. */
  readonly name: string
  /** The line of a field, or of its nearest ancestor that is in the file. Counts from 1. */
  line(path: FieldPath): number
}

// Names that people give to connections, streams and columns. Whatever looks like a URL or a pair is left out of errors,
// because a value that slipped into the place of a key may be a secret.
const PLAIN_NAME = /^[\p{L}\p{N}_$*][\p{L}\p{N}_$ .*-]{0,62}$/u
// An unknown key is more suspect: `{ password:hunter2 }` is one, without a value. Only what reads like a setting is repeated.
const PLAIN_KEY = /^[a-z]{1,20}\d{0,2}([_-][a-z]{1,16}\d{0,2}){0,3}$/i

/** The path of a field as errors print it, e.g. `streams.orders.select[1]`. */
export function formatPath(path: FieldPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += `${text === '' ? '' : '.'}${PLAIN_NAME.test(String(step)) ? String(step) : '(key)'}`
  }
  return text
}

/** `connections.shop.port (airlock.yaml line 7)`: what the `{at}` of a configuration error says. */
export function formatPlace(file: PlaceMap, path: FieldPath): string {
  const where = `${file.name} line ${file.line(path)}`
  return path.length === 0 ? where : `${formatPath(path)} (${where})`
}

/** An unknown key as errors print it: `(key)` unless it reads like a setting and has a value. */
export function printableKey(key: string, value: unknown): string {
  return PLAIN_KEY.test(key) && value !== null && value !== undefined ? key : '(key)'
}

/** Whether a name of a connection may be repeated in an error: it looks like one. */
export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name)
}

/** The name of a file as errors print it: without its folders, and not at all where it does not look like one. */
export function printableFile(path: string): string {
  const name = basename(path)
  return /^[\w.+ -]{1,64}$/.test(name) && !path.includes('://') ? name : 'the given file'
}

/** An error about one field. `problem` is a closed sentence that holds no value of the file. */
export function fieldError(
  code: ErrorCode,
  file: PlaceMap,
  path: FieldPath,
  params: { readonly problem?: string; readonly suggestion?: string } = {},
): AirlockError {
  return new AirlockError(code, { phase: 'config', params: { at: formatPlace(file, path), ...params } })
}

/** CONFIG_INVALID at one field. */
export function invalidField(file: PlaceMap, path: FieldPath, problem: string): AirlockError {
  return fieldError('CONFIG_INVALID', file, path, { problem })
}
