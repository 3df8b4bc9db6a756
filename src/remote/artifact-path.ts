/** Why the name of a file from a sandbox is refused. */
export type PathProblem =
  | 'empty'
  | 'absolute'
  | 'parent'
  | 'odd_characters'
  | 'hidden'
  | 'reserved'
  | 'too_long'
  | 'case_clash'
  | 'file_and_folder'

const LONGEST_PATH = 500
const LONGEST_NAME = 180
/** What a file is called while it arrives. */
export const PART_SUFFIX = '.part'
/** Names that this side uses itself beside the files. */
const OWN_NAMES: ReadonlySet<string> = new Set(['manifest.json', 'quarantine'])
/** Devices of Windows, with any extension
 * (https://learn.microsoft.com/windows/win32/fileio/naming-a-file). */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(?:\.|$)/i

/** Letters, marks and digits of any script, and what file names are usually made of. */
const ALLOWED = /^[\p{L}\p{M}\p{N} ._+=@%/()-]+$/u

/** Checks a name that a sandbox gave to a file: relative, readable, and the same on every file system. What is allowed is
 * listed, since what is dangerous cannot be. */
export function pathProblem(path: string): PathProblem | undefined {
  if (path === '') return 'empty'
  if (Buffer.byteLength(path) > LONGEST_PATH) return 'too_long'
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || path.startsWith('~')) return 'absolute'
  if (!ALLOWED.test(path) || path.normalize('NFC') !== path) return 'odd_characters'
  const names = path.split('/')
  if (names.includes('..')) return 'parent'
  for (const name of names) {
    if (name === '' || /^[ -]|[ .]$/.test(name)) return 'odd_characters'
    if (name.startsWith('.')) return 'hidden'
    if (Buffer.byteLength(name) > LONGEST_NAME) return 'too_long'
    if (DEVICE.test(name) || name.toLowerCase().endsWith(PART_SUFFIX)) return 'reserved'
  }
  return OWN_NAMES.has(names[0]!.toLowerCase()) ? 'reserved' : undefined
}

/** Checks names one after the other against each other too: two that differ in case only are one file on some systems,
 * and a file cannot be a folder as well. The first keeps its name. */
export class ArtifactNames {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()

  add(path: string): PathProblem | undefined {
    const problem = pathProblem(path)
    if (problem !== undefined) return problem
    const folded = path.toUpperCase().toLowerCase()
    const folders = foldersOf(folded)
    if (this.#files.has(folded)) return 'case_clash'
    if (this.#folders.has(folded) || folders.some((folder) => this.#files.has(folder))) return 'file_and_folder'
    this.#files.add(folded)
    for (const folder of folders) this.#folders.add(folder)
    return undefined
  }
}

function foldersOf(path: string): string[] {
  const names = path.split('/')
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'))
}

/** A name that may be anything, fit for an event or a report. */
export function printablePath(path: string): string {
  return path.slice(0, 200).replace(/[^\p{L}\p{M}\p{N} ._+=@%/()-]/gu, '?')
}
