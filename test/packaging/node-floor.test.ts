import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

type Version = readonly [number, number, number]

const read = (file: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8'))
const manifest = read('package.json') as { engines: { node: string }; dependencies: Record<string, string> }
const lock = read('package-lock.json') as {
  packages: Record<string, { version?: string; dev?: boolean; devOptional?: boolean; engines?: { node?: string } }>
}

/** Whether a range of npm's semver syntax admits the version: alternatives by `||`, comparators by blanks. Throws for
 * syntax that it does not know, so that a new range is looked at. */
function admits(range: string, version: Version): boolean {
  return range.split('||').some((alternative) =>
    alternative
      .trim()
      .replace(/(>=|<=|>|<|=|\^|~)\s+/g, '$1')
      .split(/\s+/)
      .every((comparator) => holds(comparator, version)),
  )
}

function holds(comparator: string, version: Version): boolean {
  if (comparator === '' || comparator === '*') return true
  const match = /^(>=|<=|>|<|=|\^|~)?v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?$/.exec(comparator)
  if (match === null) throw new Error(`unknown range ${comparator}`)
  const [, operator = '', major, minor, patch] = match
  const given = [major, minor, patch].filter((part) => part !== undefined && part !== 'x').map(Number)
  const low: Version = [given[0] ?? 0, given[1] ?? 0, given[2] ?? 0]
  switch (operator) {
    case '>=':
      return compare(version, low) >= 0
    case '>':
      return compare(version, given.length < 3 ? after(given) : low) >= (given.length < 3 ? 0 : 1)
    case '<':
      return compare(version, low) < 0
    case '<=':
      return given.length < 3 ? compare(version, after(given)) < 0 : compare(version, low) <= 0
    case '^':
      return compare(version, low) >= 0 && compare(version, after(given.slice(0, 1))) < 0
    case '~':
      return compare(version, low) >= 0 && compare(version, after(given.slice(0, 2))) < 0
    default:
      return compare(version, low) >= 0 && compare(version, after(given)) < 0
  }
}

/** The first version after all that begin with these numbers. */
function after(given: readonly number[]): Version {
  const next = [...given]
  next[next.length - 1] = (next.at(-1) ?? 0) + 1
  return [next[0] ?? 0, next[1] ?? 0, next[2] ?? 0]
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

describe('the oldest Node that is supported', () => {
  const floor: Version = [20, 18, 1]

  it.each([
    ['>=20', true],
    ['>= 20.18.1', true],
    ['>20.18.1', false],
    ['^20.17.0 || >=22.9.0', true],
    ['^20.19.0 || ^22.13.0 || >=24', false],
    ['20 || >=22', true],
    ['>=18 <20', false],
    ['<=20.x', true],
    ['~20.17', false],
    ['>=22', false],
  ])('reads the range %s', (range, expected) => {
    expect(admits(range, floor)).toBe(expected)
  })

  it('is the one that package.json names', () => {
    expect(admits(manifest.engines.node, floor)).toBe(true)
    expect(admits(manifest.engines.node, [20, 18, 0])).toBe(false)
    expect(admits(manifest.engines.node, [21, 0, 0])).toBe(false)
    expect(admits(manifest.engines.node, [22, 0, 0])).toBe(true)
  })

  /** The client of E2B brings two versions of undici, and loads this one on Node 22.19 and later only. */
  const CHOSEN_LATER: ReadonlySet<string> = new Set(['node_modules/undici8'])

  it('is admitted by every package that an installation brings', () => {
    const runtime = Object.entries(lock.packages).filter(
      ([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true,
    )
    const refusing = runtime
      .filter(([path, { engines }]) => !CHOSEN_LATER.has(path) && !admits(engines?.node ?? '*', floor))
      .map(([path, { version, engines }]) => `${path} ${version} needs ${engines?.node}`)
    expect(refusing).toEqual([])
    const names = runtime.map(([path]) => path.slice('node_modules/'.length))
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)))
  })
})
