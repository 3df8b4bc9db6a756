import { readEnvironment } from '../config/environment.js'
import { AirlockError } from '../errors/index.js'
import { createMasker } from '../masking/index.js'
import { abortOnSignals } from './interrupt.js'
import { asAirlockError, Output } from './output.js'
import { createProgram, UsageShown } from './program.js'

/** Runs one command line and sets the exit code. Nothing leaves the process but through the output's masker, an error
 * that nobody caught included. */
export async function main(args: readonly string[]): Promise<void> {
  const masker = createMasker({})
  const { noColor } = readEnvironment()
  const json = args.includes('--json')
  const quiet = args.includes('--quiet') || args.includes('-q')
  const output = new Output({ json, quiet, color: !noColor && process.stderr.isTTY === true }, masker)
  guardProcess(output)
  try {
    refuseSecrets(args)
    const context = { output, signal: abortOnSignals() }
    await createProgram(context).parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (error instanceof UsageShown) {
      process.exitCode = error.exitCode
      return
    }
    const known = asAirlockError(error)
    output.error(known)
    process.exitCode = known.exitCode
  }
}

/** The last resort: what escapes everything else is an internal error without its text. */
function guardProcess(output: Output): void {
  const die = (error: unknown) => {
    const known = asAirlockError(error)
    output.error(known)
    process.exit(known.exitCode)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  // A reader that went away (`airlock … | head`) is the normal end of a pipe.
  process.stdout.on('error', () => process.exit(0))
}

/** Other users of the machine can read a command line. */
function refuseSecrets(args: readonly string[]): void {
  const withPassword = /:\/\/[^/?#@\s]*:[^@\s]+@|^(?:--?)?(?:[a-z]+[-_])*(?:password|passwd|pwd|secret|token)=[^$]/i
  if (args.some((arg) => withPassword.test(arg))) throw new AirlockError('SECRET_ON_ARGV', { phase: 'config' })
}
