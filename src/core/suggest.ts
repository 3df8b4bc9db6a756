/** ` Did you mean "name"?` for the nearest known name within two edits, else an empty string. */
export function suggest(wrong: string, known: readonly string[]): string {
  let best: string | undefined
  let bestDistance = 3
  for (const name of known) {
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase())
    // As many edits as letters would make any short name near to any other.
    if (distance < bestDistance && distance < Math.min(wrong.length, name.length)) {
      best = name
      bestDistance = distance
    }
  }
  return best === undefined ? '' : ` Did you mean "${best}"?`
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let value = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) value = Math.min(value, before[j - 2]! + 1)
      current.push(value)
    }
    before = previous
    previous = current
  }
  return previous[b.length]!
}
