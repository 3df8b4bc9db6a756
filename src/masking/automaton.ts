const CLASS_SLOTS = 192

/** A dense Aho–Corasick automaton over UTF-16 units (Aho and Corasick 1975, with the failure links compiled into the
 * table). ASCII letters are folded, units above ASCII share 64 classes: a hit is therefore a candidate that the owner of
 * the pattern checks again. The table is premultiplied (`next = table[state + class]`) and a transition into a state
 * with output is stored negated, so that the scan needs one load and one sign test per unit. */
export interface Automaton {
  readonly table: Int32Array
  /** Class of a unit: index `c` below 128, else `128 + (c & 63)`. */
  readonly classes: Uint8Array
  readonly classCount: number
  /** Length of the longest pattern prefix that a state stands for, by row. */
  readonly depth: Uint8Array
  /** Patterns that end in a row: a list of pattern numbers, longest first. */
  readonly outputs: readonly (readonly number[] | undefined)[]
  readonly byteLength: number
}

/** How many rows a set of patterns needs. */
export function countStates(patterns: readonly string[]): number {
  const sorted = patterns.map(fold).sort()
  let states = 1
  let previous = ''
  for (const pattern of sorted) {
    let common = 0
    while (common < pattern.length && pattern.charCodeAt(common) === previous.charCodeAt(common)) common++
    states += pattern.length - common
    previous = pattern
  }
  return states
}

/** How many classes a set of patterns needs. */
export function countClasses(patterns: readonly string[]): number {
  return classify(patterns).classCount
}

/** Builds the automaton. Patterns may be up to 255 units long and may repeat; none may be empty. */
export function buildAutomaton(patterns: readonly string[]): Automaton {
  const { classes, classCount } = classify(patterns)
  const rows = countStates(patterns)
  const table = new Int32Array(rows * classCount)
  const depth = new Uint8Array(rows)
  const own: (number[] | undefined)[] = new Array(rows)
  let used = 1
  patterns.forEach((pattern, number) => {
    let row = 0
    for (let i = 0; i < pattern.length; i++) {
      const cell = row * classCount + classes[slot(pattern.charCodeAt(i))]!
      let next = table[cell]!
      if (next === 0) {
        next = used++
        table[cell] = next
        depth[next] = i + 1
      }
      row = next
    }
    const ending = own[row] ?? []
    ending.push(number)
    own[row] = ending
  })
  const outputs = link(table, classCount, used, own)
  return {
    table: table.subarray(0, used * classCount),
    classes,
    classCount,
    depth,
    outputs,
    byteLength: table.byteLength + depth.byteLength + classes.byteLength,
  }
}

/** Breadth first: completes every row with the transitions of its failure row, then premultiplies. */
function link(table: Int32Array, classCount: number, used: number, own: readonly (number[] | undefined)[]) {
  const fail = new Int32Array(used)
  const outputs: (readonly number[] | undefined)[] = own.slice(0, used)
  const queue = new Int32Array(used)
  let tail = 0
  for (let k = 0; k < classCount; k++) {
    const child = table[k]!
    if (child !== 0) queue[tail++] = child
  }
  for (let head = 0; head < tail; head++) {
    const row = queue[head]!
    const back = fail[row]!
    const inherited = outputs[back]
    if (inherited) outputs[row] = [...(outputs[row] ?? []), ...inherited]
    for (let k = 0; k < classCount; k++) {
      const child = table[row * classCount + k]!
      if (child === 0) table[row * classCount + k] = table[back * classCount + k]!
      else {
        fail[child] = table[back * classCount + k]!
        queue[tail++] = child
      }
    }
  }
  for (let i = 0; i < used * classCount; i++) {
    const row = table[i]!
    table[i] = outputs[row] ? ~(row * classCount) : row * classCount
  }
  return outputs
}

function classify(patterns: readonly string[]): { classes: Uint8Array; classCount: number } {
  const classes = new Uint8Array(CLASS_SLOTS)
  let classCount = 1
  for (const pattern of patterns) {
    for (let i = 0; i < pattern.length; i++) {
      const at = slot(foldCode(pattern.charCodeAt(i)))
      if (classes[at] === 0) classes[at] = classCount++
    }
  }
  for (let c = 0x41; c <= 0x5a; c++) classes[c] = classes[c + 32]!
  return { classes, classCount }
}

function slot(code: number): number {
  return code < 128 ? code : 128 + (code & 63)
}

function foldCode(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 32 : code
}

/** The text that stands for all texts of the same classes. */
function fold(text: string): string {
  let folded = ''
  for (let i = 0; i < text.length; i++) {
    const code = foldCode(text.charCodeAt(i))
    folded += String.fromCharCode(code < 128 ? code : 128 + (code & 63))
  }
  return folded
}
