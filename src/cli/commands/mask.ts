import { pipeline } from 'node:stream/promises'
import { readEnvironment } from '../../config/environment.js'
import { readSecretFile } from '../../config/secret-file.js'
import { AirlockError } from '../../errors/index.js'
import { createMasker, type Masker } from '../../masking/index.js'
import type { CommandContext } from '../program.js'

export interface MaskCommandOptions {
  /** Names of variables whose values are secret. */
  readonly secretEnv: readonly string[]
  /** Files whose content is secret, as a whole and line by line. */
  readonly secretFile: readonly string[]
  readonly stats?: boolean
}

/** `airlock mask`: stdin to stdout, with everything secret replaced. Needs no configuration. */
export async function maskCommand(context: CommandContext, options: MaskCommandOptions): Promise<void> {
  const masker = createMasker()
  await addSecrets(masker, options)
  try {
    await pipeline(process.stdin, masker.stream(), process.stdout, { signal: context.signal, end: false })
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason
    // Whoever read our output has left, as `| head` does.
    if (!isClosedPipe(error)) throw error
  }
  if (options.stats !== true) return
  const { spans } = masker.stats()
  const lines = Object.entries(spans).map(([rule, count]) => `${rule}: ${count}`)
  context.output.problem(lines.length === 0 ? 'nothing was masked' : lines.sort().join('\n'))
}

async function addSecrets(masker: Masker, options: MaskCommandOptions): Promise<void> {
  const { variables } = readEnvironment()
  for (const name of options.secretEnv) {
    const value = variables[name]
    if (value === undefined || value === '') {
      throw new AirlockError('SECRET_UNRESOLVED', { phase: 'config', params: { at: '--secret-env' } })
    }
    masker.add(value)
  }
  for (const path of options.secretFile) masker.add(await readSecretFile(path, '--secret-file', process.getuid?.()))
}

function isClosedPipe(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
  )
}
