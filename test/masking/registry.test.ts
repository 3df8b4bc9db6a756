import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createMasker, Secret } from '../../src/masking/index.js'
import { Registry } from '../../src/masking/registry.js'
import { tierOf } from '../../src/masking/tiers.js'

describe('registered values', () => {
  it('fall into three tiers', () => {
    expect(['fake-9pw', 'xK9$q', 'abc', 'postgres', 'PASSWORD', '', '********', '----'].map(tierOf)).toEqual([
      ...['strong', 'short', 'weak', 'weak', 'weak', 'weak', 'weak', 'weak'],
    ])
  })

  it('are masked from the moment they are added', () => {
    const masker = createMasker()
    expect(masker.text('a late-value-77 b')).toBe('a late-value-77 b')
    masker.add('late-value-77')
    expect(masker.text('a late-value-77 b')).toBe('a *** b')
    expect(masker.text('a bGF0ZS12YWx1ZS03Nw== b')).toBe('a *** b')
  })

  it('are masked in a stream that is already open', () => {
    const masker = createMasker()
    const stream = masker.chunks()
    let out = stream.write('first late-')
    masker.add('another-late-1')
    out += stream.write('value another-la')
    masker.add(new Secret('third-late-value', 'x'))
    out += `${stream.write('te-1 third-')}${stream.write('late-value end')}${stream.end()}`
    expect(out).toBe('first late-value *** *** end')
  })

  it('stay masked until every handle is released and a minute has passed', () => {
    let now = 0
    const registry = new Registry(
      () => [],
      () => now,
    )
    const one = registry.add('counted-value-1')
    const two = registry.add('counted-value-1')
    one.release()
    one.release()
    now = 120_000
    expect(registry.settle().length).toBeGreaterThan(0)
    two.release()
    now = 150_000
    expect(registry.settle().length).toBeGreaterThan(0)
    now = 190_000
    expect(registry.settle()).toEqual([])
  })

  it('bring their lines, their JSON leaves and the secrets inside with them', () => {
    const masker = createMasker({
      secrets: [
        'first-line-1\nsecond-line-2',
        '{"client":{"secret":"leaf-value-1"}}',
        'postgres://app:p%40ss-in-url@h/db',
      ],
    })
    expect(masker.text('a second-line-2 b leaf-value-1 c p%40ss-in-url d p@ss-in-url e')).toBe(
      'a *** b *** c *** d *** e',
    )
  })

  it('of the short tier are masked as whole words only, also beside a mask', () => {
    const masker = createMasker({ secrets: ['xK9$q', 'strong-value-1'] })
    expect(masker.text('pin xK9$q, axK9$q, "xK9$q" \\nxK9$q')).toBe('pin ***, axK9$q, "***" \\n***')
    expect(masker.text('xK9$qstrong-value-1')).toBe('***')
  })

  it('are compared in exact case, escapes in either case', () => {
    const masker = createMasker({ secrets: ['Mixed/Case:value'] })
    expect(masker.text('mixed/case:value Mixed%2fCase%3Avalue')).toBe('mixed/case:value ***')
  })

  it('merge where they touch or overlap', () => {
    const masker = createMasker({ secrets: ['abcdefgh-fake', 'fake-12345678'] })
    expect(masker.text('x abcdefgh-fake-12345678 y abcdefgh-fakefake-12345678')).toBe('x *** y ***')
  })

  it('with a common beginning are found as well as others', () => {
    const secrets = Array.from({ length: 300 }, (_, i) => `common-beginning-of-all-${i}-x`)
    const masker = createMasker({ secrets })
    expect(masker.text(`a ${secrets[7]} b ${secrets[299]} c common-beginning-of-all-z`)).toBe(
      'a *** b *** c common-beginning-of-all-z',
    )
  })

  it('show as counts', () => {
    const registry = new Registry(() => [])
    registry.add('never-shown-value')
    const shown = inspect(registry, { showHidden: true, depth: 9 }) + JSON.stringify(registry)
    expect(shown).toContain('strong')
    expect(shown).not.toContain('never')
  })
})
