// Runs a pipeline file. Its connections, with references to their secrets, are in airlock.yaml beside it.
import { fileURLToPath } from 'node:url'
import { plan, run } from 'db-airlock'

const folder = new URL('./nightly/', import.meta.url)
const pipeline = fileURLToPath(new URL('nightly.yaml', folder))
const options = { configFile: fileURLToPath(new URL('airlock.yaml', folder)) }

for (const { stream, columns, maskedColumns } of await plan(pipeline, options)) {
  console.log(`${stream.name}: ${columns.length} columns, masked: ${maskedColumns.join(', ')}`)
}

const report = await run(pipeline, options)
for (const stream of report.streams) {
  console.log(`${stream.stream}: ${stream.status}, ${stream.rows_written} rows`)
}
process.exitCode = report.exit_code
