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
  const { noColor, session, lifeline } = readEnvironment()
  const json = args.includes('--json')
  const quiet = args.includes('--quiet') || args.includes('-q')
  const output = new Output({ json, quiet, color: !noColor && process.stderr.isTTY === true }, masker)
  guardProcess(output)
  try {
    refuseSecrets(args)
    const context = { output, signal: abortOnSignals() }
    if (lifeline) (await import('../mcp/lifeline.js')).onOrphaned(() => process.kill(process.pid, 'SIGTERM'))
    const work = async () => void (await createProgram(context).parseAsync([...args], { from: 'user' }))
    if (session === undefined) await work()
    else await (await import('../cache/session-context.js')).runInSession(session, work)
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
  // A reader that went away (`airlock … | head`) is the normal end of a pipe: no error, and no success either where the
  // command had failed before it printed.
  process.stdout.on('error', () => process.exit())
  process.stderr.on('error', ignoreClosed)
}

function ignoreClosed(): void {
  // Nobody reads the lines for people any more; the work goes on and its exit code says how it ended.
}

const SECRET_NAME = '(?:[a-z]+[-_])*(?:password|passwd|pwd|secret|token|api[-_]?key)'

/** How a secret looks on a command line: in a URL, as a parameter of one, as `name=value`, as an option. */
const SECRET_ARGUMENTS = [
  /:\/\/[^/?#@\s]*:[^@\s]+@/,
  new RegExp(`(?:^-{0,2}|[?&;\\s])${SECRET_NAME}=[^$\\s]`, 'i'),
  new RegExp(`^--?${SECRET_NAME}$`, 'i'),
]

/** Other users of the machine can read a command line. */
function refuseSecrets(args: readonly string[]): void {
  const secret = args.some((arg) => SECRET_ARGUMENTS.some((shape) => shape.test(arg)))
  if (secret) throw new AirlockError('SECRET_ON_ARGV', { phase: 'config' })
}
