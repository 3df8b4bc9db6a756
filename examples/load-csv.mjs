// Loads a CSV file into Postgres, with typed columns and a mask, and writes the table back as compressed JSONL.
import { fileURLToPath } from 'node:url'
import { files, postgres } from 'db-airlock/drivers'
import { Secret } from 'db-airlock/masking'

const folder = await files.open({
  root: fileURLToPath(new URL('./data', import.meta.url)),
  columns: { id: 'int64', balance: 'decimal(12,2)', joined_at: 'timestamptz' },
})
try {
  const warehouse = await postgres.open({ url: new Secret(process.env.WAREHOUSE_URL, 'warehouse') })
  try {
    const people = folder.extract({ table: 'people', mask: { email: 'partial-email' } })
    const loaded = await warehouse.write({ table: 'public.people', mode: 'replace' }, people)
    console.log(`${loaded.rowsCounted} rows in Postgres`)
    const back = warehouse.extract({ table: 'public.people' })
    const written = await folder.write({ table: '"export/people.jsonl.gz"', mode: 'replace' }, back)
    console.log(`${written.rowsCounted} rows in the file`)
  } finally {
    await warehouse.close()
  }
} finally {
  await folder.close()
}
