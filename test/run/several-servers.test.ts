import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/testing/index.js'
import { canStart, startPrivate } from '../drivers/private.js'
import { describeWith } from '../setup/engines.js'
import { type TwoEnds, twoEnds } from './two-ends.js'

const ROWS = 4000
const TIMEOUT = 120_000
/** Bytes; a range has twice as many at least. */
const CUT_AFTER = 100_000
const ASKED = { mode: 'replace', partition_by: { column: 'id', ranges: 5 } }
const IDLE = { mode: 'replace', partition_by: { from_rows: 1000 } }
const SEVERAL = 'each range was read in a snapshot of its own: its sessions are of several servers'

/** One address behind which there are several servers, as a balancer over replicas has. */
class Balancer implements AsyncDisposable {
  readonly #server = createServer((client) => this.#join(client))
  readonly #sockets = new Set<Socket>()
  #ports: readonly number[] = []
  #next = 0
  #cuts = 0
  #then: readonly number[] = []

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** New connections go to these, one after the other. */
  to(...ports: readonly number[]): void {
    this.#ports = ports
    this.#next = 0
  }

  /** Cuts the first two connections that have sent many rows; new ones go to these from the first cut on. */
  cutTwoThen(...ports: readonly number[]): void {
    this.#cuts = 2
    this.#then = ports
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket): void {
    const server = connect(this.#ports[this.#next++ % this.#ports.length]!, '127.0.0.1')
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
    let bytes = 0
    server.on('data', ({ length }) => {
      bytes += length
      if (bytes < CUT_AFTER || this.#cuts === 0) return
      this.#cuts--
      this.to(...this.#then)
      server.destroy()
      client.destroy()
    })
  }
}

describeWith(['postgres'], 'a Postgres source that is several servers', ({ postgres }) => {
  describe.runIf(canStart.postgres)('behind a balancer', () => {
    let ends: TwoEnds
    let other: Engine
    let balancer: Balancer

    beforeAll(async () => {
      ends = await twoEnds(postgres, postgres)
      const { name, user, password } = ends.source
      const rows = `CREATE TABLE orders (id INT PRIMARY KEY, note TEXT);
      INSERT INTO orders SELECT n, repeat('n', 300) || n FROM generate_series(1, ${ROWS}) n; ANALYZE orders`
      await ends.source.exec(rows)
      // The other has the same.
      other = await startPrivate('postgres')
      const model = await other.createDatabase('model')
      await model.exec(`CREATE ROLE "${user}" LOGIN PASSWORD '${password}'`, 'admin')
      await model.exec(`${rows}; GRANT SELECT ON orders TO "${user}"`)
      await model.exec(`CREATE DATABASE "${name}" TEMPLATE "${model.name}"`, 'admin')
      balancer = new Balancer()
      await balancer.listen()
    }, TIMEOUT)
    afterAll(async () => {
      await balancer?.[Symbol.asyncDispose]()
      await ends?.[Symbol.asyncDispose]()
      await other?.stop()
    })

    const arrived = async () =>
      await ends.target.rows("SELECT count(*), count(DISTINCT id), sum(length(note)) FROM orders WHERE note LIKE 'n%'")
    const all = async () => await ends.source.rows('SELECT count(*), count(*), sum(length(note)) FROM orders')

    // Seen red where no answer of the server was taken for the end of the snapshot: each try failed, of both.
    it('is read whole, or in a snapshot for each range where ranges were asked for', { timeout: TIMEOUT }, async () => {
      balancer.to(postgres.port, other.port)
      await ends.configure({ source: { port: balancer.port } })
      expect(await ends.move(IDLE, { parallel: 3 })).toMatchObject({ attempts: 1, ranges: null, rows_written: ROWS })
      const asked = await ends.move(ASKED, { parallel: 3 })
      expect(asked).toMatchObject({ attempts: 1, ranges: { total: 5, skipped: 0 }, rows_written: ROWS })
      expect(asked.notes).toContain(SEVERAL)
      expect(await arrived()).toEqual(await all())
    })

    // Seen red with the attempt ended there, for nobody to try anew.
    it.each([
      ['of its own for each range', ASKED],
      ['of the whole', IDLE],
    ])(
      'is read on in a snapshot %s when lost sessions come back elsewhere',
      { timeout: TIMEOUT },
      async (_, stream) => {
        balancer.to(postgres.port)
        balancer.cutTwoThen(other.port)
        await ends.configure({ source: { port: balancer.port } })
        const report = await ends.move(stream, { parallel: 2 })
        expect(report).toMatchObject({ attempts: 1, rows_written: ROWS })
        if (stream === IDLE) expect(report.ranges).toBeNull()
        else expect(report.notes).toContain(SEVERAL)
        expect(await arrived()).toEqual(await all())
        const left = await ends.target.rows(
          "SELECT 1 FROM information_schema.tables WHERE table_name LIKE '%airlock_part%'",
        )
        expect(left).toEqual([])
      },
    )
  })
})
