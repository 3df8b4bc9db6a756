import { expect, it, onTestFinished } from 'vitest'
import { FaultProxy, settle } from '../../src/testing/index.js'
import { describeWith } from '../setup/engines.js'
import { twoEnds } from './two-ends.js'

describeWith(['postgres'], 'a stream whose commit is never answered', ({ postgres }) => {
  /** Runs a stream into a table whose first COMMIT takes long, and cuts the connection meanwhile. */
  const cut = async (stream: object) => {
    const ends = await twoEnds(postgres, postgres)
    onTestFinished(() => ends[Symbol.asyncDispose]())
    await ends.source.exec('CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)')
    // A sequence counts on, whatever is rolled back.
    await ends.target.exec(`
      CREATE TABLE orders (id int PRIMARY KEY); CREATE SEQUENCE tries;
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF nextval('tries') = 1 THEN PERFORM pg_sleep(3); END IF; RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait()`)
    await using proxy = await FaultProxy.start(postgres)
    await ends.configure({ target: { port: proxy.port } })
    const running = ends.run({ orders: stream })
    const waits = async () => Number((await ends.target.rows('SELECT is_called::int FROM tries', 'admin'))[0]?.[0])
    expect(await settle(waits, 1, 20_000)).toBe(1)
    proxy.cut('rst')
    const { streams } = await running
    const { status, attempts, error } = streams[0]!
    expect(await settle(() => postgres.sessions({ user: ends.target.user }), 0, 20_000)).toBe(0)
    const rows = await ends.target.rows('SELECT id FROM orders ORDER BY id')
    return { status, attempts, code: error?.code, rows: rows.flat() }
  }
  const timeout = 90_000

  // Seen red with OUTCOME_UNKNOWN never repeated.
  it('is repeated where the mode gives the same rows however often it runs', { timeout }, async () => {
    expect(await cut({ mode: 'merge', primary_key: 'id' })).toEqual({
      status: 'ok',
      attempts: 2,
      code: undefined,
      rows: ['1', '2'],
    })
  })

  // The server may commit yet, and state in the transaction of the rows cannot be seen before. Seen red with appends
  // repeated.
  it.each([{}, { cursor: 'id' }])('is never repeated where it appends %o', { timeout }, async (more) => {
    expect(await cut({ mode: 'append', ...more })).toMatchObject({
      status: 'failed',
      attempts: 1,
      code: 'OUTCOME_UNKNOWN',
    })
  })
})
