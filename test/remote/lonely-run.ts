import { loadPipeline } from '../../src/config/load-pipeline.js'
import { locateBundle } from '../../src/remote/bundle.js'
import { runPipeline } from '../../src/run/local-runner.js'
import { openAdapter } from '../../src/run/remote/open-adapter.js'
import { remotely } from '../../src/run/remote/run-remotely.js'
import { Workspace } from '../../src/run/workspace.js'

/** A process that runs `nightly.yaml` of its folder in sandboxes, for tests that kill it. Its argument is the folder of the
 * worker's bundle. */
const [, , bundle] = process.argv
await using space = await Workspace.open()
await using adapter = await openAdapter(space, { bundle: () => locateBundle(bundle!) })
const report = await runPipeline(space, await loadPipeline('nightly.yaml', space.config), { runner: remotely(adapter) })
process.stdout.write(`${report.status}\n`)
