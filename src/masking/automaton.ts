/** ASCII, and 64 classes for all units above it. */
const CLASS_SLOTS = 192

/** A dense Aho–Corasick automaton over UTF-16 units (Aho and Corasick 1975, with the failure links compiled into the
 * table). ASCII letters are folded, units above ASCII share 64 classes: a hit is therefore a candidate that the owner of
 * the pattern checks again. The table is premultiplied (`next = table[state + class]`) and a transition into a row at
 * which a pattern ends is stored inverted, so that the scan needs one load and one sign test per unit. */
export interface Automaton {
  readonly table: Int32Array
  /** Class of each of the 65,536 units. */
  readonly classes: Uint8Array
  readonly classCount: number
  /** By row: the length of the longest pattern prefix that it stands for. */
  readonly depth: Uint8Array
  /** By row: how much of the text read so far may still become a pattern, the last unit included. */
  readonly live: Uint8Array
  /** By row: the rows of the patterns that end there, longest first. */
  readonly endings: readonly (readonly number[] | undefined)[]
  /** Row of each pattern, in the order given; the ones that were cut share rows. */
  readonly wholeRows: Int32Array
  readonly cutRows: Int32Array
  readonly byteLength: number
}

export interface AutomatonLimits {
  /** Most units of a pattern that may be cut. */
  readonly cutLength: number
  /** Bytes that the table should not pass; the patterns that may be cut are cut shorter until it fits. */
  readonly tableBytes: number
}

/** Builds an automaton over patterns that it takes whole (up to 255 units) and patterns of which a common-length prefix
 * is enough: the longest for which the table fits, at least 3. No pattern may be empty. */
export function buildAutomaton(
  whole: readonly string[],
  cut: readonly string[],
  { cutLength, tableBytes }: AutomatonLimits,
): Automaton {
  const { classes, classCount } = classify(whole, cut)
  const base = 1 + lengths(whole, 255)
  const least = base + classCount + classCount ** 2 + Math.min(cut.length, classCount ** 3)
  const fitting = Math.max(least, Math.floor(tableBytes / 4 / classCount))
  const capacity = Math.min(base + lengths(cut, cutLength), fitting)
  const trie = new Trie(capacity, classes, classCount)
  const wholeRows = trie.insertByLevels(whole, 255)
  const cutRows = trie.insertByLevels(cut, cutLength)
  const { table, depth, used } = trie
  const endings: (number[] | undefined)[] = new Array(used)
  for (const row of [...wholeRows, ...cutRows]) endings[row] ??= [row]
  const live = link(trie, classCount, endings)
  return {
    table: used * 2 < capacity ? table.slice(0, used * classCount) : table.subarray(0, used * classCount),
    classes: classesOfUnits(classes),
    classCount,
    depth: depth.slice(0, used),
    live,
    endings,
    wholeRows,
    cutRows,
    byteLength: used * 2 < capacity ? used * classCount * 4 : table.byteLength,
  }
}

class Trie {
  readonly table: Int32Array
  readonly depth: Uint8Array
  readonly #classes: Uint8Array
  readonly #classCount: number
  readonly #capacity: number
  used = 1

  constructor(capacity: number, classes: Uint8Array, classCount: number) {
    this.table = new Int32Array(capacity * classCount)
    this.depth = new Uint8Array(capacity)
    this.#classes = classes
    this.#classCount = classCount
    this.#capacity = capacity
  }

  /** Inserts all patterns one unit deeper at a time, so that the rows which are used most lie together, and takes back
   * the level with which the table would overflow. */
  insertByLevels(patterns: readonly string[], most: number): Int32Array {
    const rows = new Int32Array(patterns.length)
    const deepest = patterns.reduce((longest, pattern) => Math.max(longest, pattern.length), 0)
    for (let level = 0; level < Math.min(most, deepest); level++) {
      const before = rows.slice()
      const mark = this.used
      for (let n = 0; n < patterns.length; n++) {
        const pattern = patterns[n]!
        if (level >= pattern.length) continue
        if (this.used === this.#capacity && !this.#has(rows[n]!, pattern.charCodeAt(level))) {
          this.#takeBack(mark)
          return before
        }
        rows[n] = this.#child(rows[n]!, pattern.charCodeAt(level), level + 1)
      }
    }
    return rows
  }

  #has(row: number, code: number): boolean {
    return this.table[row * this.#classCount + this.#classes[slot(code)]!]! !== 0
  }

  #child(row: number, code: number, depth: number): number {
    const cell = row * this.#classCount + this.#classes[slot(code)]!
    const known = this.table[cell]!
    if (known !== 0) return known
    const child = this.used++
    this.table[cell] = child
    this.depth[child] = depth
    return child
  }

  #takeBack(mark: number): void {
    for (let cell = 0; cell < mark * this.#classCount; cell++) if (this.table[cell]! >= mark) this.table[cell] = 0
    this.used = mark
  }
}

/** Breadth first: completes every row with the transitions of its failure row; then premultiplies. Returns `live`. */
function link({ table, depth, used }: Trie, classCount: number, endings: (number[] | undefined)[]): Uint8Array {
  const live = new Uint8Array(used)
  const fail = new Int32Array(used)
  const queue = new Int32Array(used)
  let tail = 0
  for (let k = 0; k < classCount; k++) {
    const child = table[k]!
    if (child !== 0) queue[tail++] = child
  }
  for (let head = 0; head < tail; head++) {
    const row = queue[head]!
    const at = row * classCount
    const back = fail[row]! * classCount
    const inherited = endings[fail[row]!]
    if (inherited) endings[row] = [...(endings[row] ?? []), ...inherited]
    live[row] = live[fail[row]!]!
    for (let k = 0; k < classCount; k++) {
      const child = table[at + k]!
      if (child === 0) table[at + k] = table[back + k]!
      else {
        live[row] = depth[row]!
        fail[child] = table[back + k]!
        queue[tail++] = child
      }
    }
  }
  for (let i = 0; i < used * classCount; i++) {
    const row = table[i]!
    table[i] = endings[row] ? ~(row * classCount) : row * classCount
  }
  return live
}

function classify(...lists: readonly (readonly string[])[]): { classes: Uint8Array; classCount: number } {
  const classes = new Uint8Array(CLASS_SLOTS)
  let classCount = 1
  for (const pattern of lists.flat()) {
    for (let i = 0; i < pattern.length; i++) {
      const at = slot(pattern.charCodeAt(i))
      if (classes[at] === 0) classes[at] = 1
    }
  }
  for (let c = 0x41; c <= 0x5a; c++) if (classes[c] === 1) classes[c + 32] = 1
  for (let at = 0; at < CLASS_SLOTS; at++) {
    const upper = at >= 0x41 && at <= 0x5a
    if (!upper && classes[at] === 1) classes[at] = classCount++
  }
  for (let c = 0x41; c <= 0x5a; c++) classes[c] = classes[c + 32]!
  return { classes, classCount }
}

function classesOfUnits(slots: Uint8Array): Uint8Array {
  const units = new Uint8Array(65_536)
  for (let code = 0; code < units.length; code++) units[code] = slots[slot(code)]!
  return units
}

function slot(code: number): number {
  return code < 128 ? code : 128 + (code & 63)
}

function lengths(patterns: readonly string[], most: number): number {
  return patterns.reduce((sum, pattern) => sum + Math.min(pattern.length, most), 0)
}

/** Where a scan stands: the premultiplied state, and the index of the next unit. */
export interface ScanPoint {
  state: number
  at: number
}

/** Reads units up to an end or until a pattern ends; true when a pattern ended. The loop does nothing else, since that is
 * what keeps it in registers. */
export function readOn({ table, classes }: Automaton, units: Uint16Array, end: number, point: ScanPoint): boolean {
  let { state } = point
  for (let i = point.at; i < end; i++) {
    state = table[state + classes[units[i]!]!]!
    if (state < 0) {
      point.state = ~state
      point.at = i + 1
      return true
    }
  }
  point.state = state
  point.at = end
  return false
}
