import type { AirlockErrorData } from '../../errors/index.js'
import { Workspace } from '../../run/workspace.js'
import { asAirlockError, errorLine } from '../output.js'
import type { CommandContext, GlobalOptions } from '../program.js'

interface Checked {
  readonly connection: string
  readonly ok: boolean
  readonly milliseconds: number
  readonly error?: AirlockErrorData
}

/** `airlock check [CONNECTION…]`: opens each connection, asks one question, closes it. */
export async function checkCommand(
  context: CommandContext,
  common: GlobalOptions,
  names: readonly string[],
): Promise<void> {
  const { output, signal } = context
  await using workspace = await Workspace.open({ configFile: common.config, debug: common.debug === true })
  output.use(workspace.masker)
  const { config } = workspace
  for (const name of names) config.declaration(name)
  const results: Checked[] = []
  const lines: string[] = []
  for (const connection of names.length === 0 ? config.connectionNames : names) {
    const started = performance.now()
    const elapsed = () => Math.round(performance.now() - started)
    try {
      await using session = await workspace.connect(connection, signal)
      await session.ping(signal)
      results.push({ connection, ok: true, milliseconds: elapsed() })
      lines.push(`${connection}: ok (${elapsed()} ms)`)
    } catch (error) {
      const known = asAirlockError(error)
      results.push({ connection, ok: false, milliseconds: elapsed(), error: known.toJSON() })
      lines.push(`${connection}: failed. ${errorLine(known)}`)
      process.exitCode ??= known.exitCode
    }
  }
  const failed = results.find((result) => !result.ok)
  if (failed?.error === undefined) output.result({ connections: results }, lines.join('\n'))
  else output.failedResult({ connections: results }, lines.join('\n'), failed.error)
}
