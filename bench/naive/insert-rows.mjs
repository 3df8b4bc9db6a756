import pg from 'pg'

const ROWS_AT_ONCE = 1000

/** Writes rows, each an array in the order of the columns, with one INSERT for a thousand of them, in one transaction. */
export async function insertRows({ target, table, columns, upsert }, rows) {
  const client = new pg.Client(target)
  await client.connect()
  try {
    await client.query('BEGIN')
    let some = []
    const flush = async () => {
      if (some.length > 0) await client.query(statement(table, columns, some.length, upsert), some.flat())
      some = []
    }
    for await (const row of rows) {
      some.push(row)
      if (some.length === ROWS_AT_ONCE) await flush()
    }
    await flush()
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}

function statement(table, columns, count, upsert) {
  let parameter = 0
  const row = () => `(${columns.map(() => `$${++parameter}`).join(', ')})`
  const values = Array.from({ length: count }, row).join(', ')
  const sets = columns.filter((name) => name !== 'id').map((name) => `${name} = excluded.${name}`)
  const conflict = upsert ? ` ON CONFLICT (id) DO UPDATE SET ${sets.join(', ')}` : ''
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values}${conflict}`
}
