import { describe, expect, it } from 'vitest'
import { selectColumns } from '../../src/core/select-columns.js'
import { suggest } from '../../src/core/suggest.js'
import { parseTableName } from '../../src/core/table-name.js'
import { AirlockError } from '../../src/errors/index.js'

function thrown(work: () => unknown): AirlockError {
  try {
    work()
  } catch (error) {
    if (error instanceof AirlockError) return error
    throw error
  }
  throw new Error('it succeeded')
}

describe('a selection of columns', () => {
  const existing = ['id', 'name', 'email', '-odd']

  it.each([
    [undefined, existing],
    [[], existing],
    [
      ['email', 'id'],
      ['email', 'id'],
    ],
    [['-email'], ['id', 'name', '-odd']],
    [
      ['-id', '-name'],
      ['email', '-odd'],
    ],
    [['-odd'], ['-odd']],
    [['--odd'], ['id', 'name', 'email']],
  ])('%j', (select, expected) => {
    expect(selectColumns(existing, select)).toEqual(expected)
  })

  it.each([
    [['nmae'], 'COLUMN_NOT_FOUND', 'select.nmae. Did you mean "name"?'],
    [['-nmae'], 'COLUMN_NOT_FOUND', 'select.nmae. Did you mean "name"?'],
    [['far'], 'COLUMN_NOT_FOUND', 'select.far.'],
    [['id', '-name'], 'CONFIG_INVALID', 'not both'],
    [['id', 'id'], 'CONFIG_INVALID', 'named twice'],
    [['-id', '-name', '-email', '--odd'], 'CONFIG_INVALID', 'no column is left'],
  ])('%j is refused', (select, code, says) => {
    const error = thrown(() => selectColumns(existing, select))
    expect(error.code).toBe(code)
    expect(error.message).toContain(says)
  })
})

describe('the name of a table', () => {
  it.each([
    ['orders', undefined, 'orders'],
    ['public.orders', 'public', 'orders'],
    ['"odd.schema"."odd name"', 'odd.schema', 'odd name'],
    ['"quo""te"', undefined, 'quo"te'],
    ['a b.c d', 'a b', 'c d'],
    ['"a".b', 'a', 'b'],
    ['Zeile-ü', undefined, 'Zeile-ü'],
  ])('%s', (text, schema, name) => {
    expect(parseTableName(text)).toEqual({ schema, name })
  })

  it.each(['', '.', 'a.', '.a', 'a..b', 'a.b.c', '"a', 'a"b', '""', '"a"b', '"a".', 'a."b"c'])(
    '%s is refused',
    (text) => {
      expect(thrown(() => parseTableName(text)).code).toBe('CONFIG_INVALID')
    },
  )

  it('is read in linear time', () => {
    const begun = performance.now()
    thrown(() => parseTableName(`${'"'.repeat(100_001)}`))
    thrown(() => parseTableName(`${'a.'.repeat(50_000)}`))
    expect(performance.now() - begun).toBeLessThan(3_000)
  })
})

describe('a suggestion', () => {
  it.each([
    ['emial', ' Did you mean "email"?'],
    ['EMAIL', ' Did you mean "email"?'],
    ['emai', ' Did you mean "email"?'],
    ['em', ''],
    ['telephone', ''],
    ['ixd', ' Did you mean "id"?'],
  ])('for %s is%s', (wrong, expected) => {
    expect(suggest(wrong, ['email', 'id', 'created_at'])).toBe(expected)
  })

  it('is none among none', () => {
    expect(suggest('x', [])).toBe('')
  })
})
