import type { PostgresConnection } from './native.js'

/** A statement with its parameters. */
export interface Statement {
  readonly text: string
  readonly values: readonly (string | number | null)[]
}

/** What begins inside a transaction that is held. */
const SAVEPOINT = 'airlock'

/** Opens the transactions of one connection. Through a pooler a server session is ours for one transaction only, so that
 * settings have to be pinned in each. */
export class Transactions {
  #connection: PostgresConnection
  #settings: Statement | undefined
  #isHeld = false

  /** `settings` runs at the beginning of every transaction. */
  constructor(connection: PostgresConnection, settings: Statement | undefined) {
    this.#connection = connection
    this.#settings = settings
  }

  /** Begins a transaction, e.g. with `READ ONLY`; its caller ends it. Rejects with none open. */
  async begin(characteristics = ''): Promise<void> {
    if (this.#isHeld) return void (await this.#connection.query(`SAVEPOINT ${SAVEPOINT}`))
    await this.#connection.query(characteristics === '' ? 'BEGIN' : `BEGIN ${characteristics}`)
    if (this.#settings === undefined) return
    try {
      await this.#connection.query(this.#settings.text, this.#settings.values)
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  /** Begins one that stays open until `letGo`: what begins and ends meanwhile is a part of it, and sees what it sees. */
  async hold(characteristics: string): Promise<void> {
    await this.begin(characteristics)
    this.#isHeld = true
  }

  /** Ends the one that is held, if there is one. */
  async letGo(): Promise<void> {
    if (!this.#isHeld) return
    this.#isHeld = false
    await this.rollback()
  }

  async commit(): Promise<void> {
    await this.#connection.query(this.#isHeld ? `RELEASE SAVEPOINT ${SAVEPOINT}` : 'COMMIT')
  }

  /** Drops what the transaction did. On a lost connection the server has done so. */
  async rollback(): Promise<void> {
    if (!this.#connection.usable) return
    if (!this.#isHeld) return void (await this.#connection.query('ROLLBACK'))
    await this.#connection.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`)
    await this.#connection.query(`RELEASE SAVEPOINT ${SAVEPOINT}`)
  }

  /** Runs statements that change nothing in a transaction of their own. */
  async reading<T>(work: () => Promise<T>): Promise<T> {
    await this.begin('READ ONLY')
    try {
      return await work()
    } finally {
      await this.rollback()
    }
  }
}
