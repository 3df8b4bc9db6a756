import type { TestDatabase } from '../testing/engines/index.js'
import type { ShopTable } from './shop-tables.js'

/** One value as the demo made it up and as it arrived in the target. */
export interface Sample {
  readonly row: string
  readonly column: string
  readonly before: string
  readonly after: string
}

/** Rows that show something of everything, and columns of them. */
const CHOSEN: readonly {
  readonly table: ShopTable['name']
  readonly id: number
  readonly columns: readonly string[]
}[] = [
  { table: 'customers', id: 17, columns: ['full_name', 'email', 'phone', 'card', 'birthday', 'notes'] },
  { table: 'customers', id: 22, columns: ['email', 'phone', 'notes'] },
  { table: 'orders', id: 13, columns: ['email', 'amount', 'gift_note', 'placed_at'] },
]

/** A few values before and after. Those before come from the made-up rows themselves, those after from the target. */
export async function readSamples(tables: readonly ShopTable[], target: TestDatabase): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  for (const { table: name, id, columns } of CHOSEN) {
    const table = tables.find((candidate) => candidate.name === name)
    if (table === undefined || id > table.rows) continue
    const values = table.row(id)
    const [row = []] = await target.rows(`SELECT ${columns.join(', ')} FROM public.${name} WHERE id = ${id}`)
    columns.forEach((column, index) => {
      const before = values[table.columns.indexOf(column)]
      samples.push({
        row: index === 0 ? `${name} ${id}` : '',
        column,
        before: before === null ? 'NULL' : String(before),
        after: row[index] ?? 'NULL',
      })
    })
  }
  return samples
}
