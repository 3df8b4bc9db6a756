import { expect, it } from 'vitest'
import { describeWith } from '../../setup/engines.js'

describeWith(['mysql', 'postgres'], 'the shared engines', (engines) => {
  it.each(['mysql', 'postgres'] as const)('%s gives a database with a login of its own', async (name) => {
    const engine = engines[name]
    const database = await engine.createDatabase('shared')
    try {
      await database.exec("CREATE TABLE t (id INT, word VARCHAR(20)); INSERT INTO t VALUES (1, NULL), (2, 'naïve 🦊')")
      expect(await database.rows('SELECT id, word FROM t ORDER BY id')).toEqual([
        ['1', null],
        ['2', 'naïve 🦊'],
      ])
      expect(await engine.sessions({ user: database.user })).toBe(0)
    } finally {
      await database.drop()
    }
  })
})
