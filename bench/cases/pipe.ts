import type { Command } from '../measure/run-command.js'
import { word, words } from './shell-words.js'

/** Two programs with a pipe between them, as one types it. They may have different values for one variable, so that each
 * gets its own; they pass through the shell's environment and not through its arguments, which others can read. */
export function pipe(reader: Command, writer: Command): Command {
  const sides = [
    { prefix: 'READER_', command: reader },
    { prefix: 'WRITER_', command: writer },
  ]
  const script = sides.map(({ prefix, command }) => {
    const assignments = Object.keys(command.env).map((name) => `${name}="$${prefix}${name}"`)
    return [...assignments, word(command.program), words(command.args)].join(' ')
  })
  const env = sides.flatMap(({ prefix, command }) =>
    Object.entries(command.env).map(([name, value]) => [`${prefix}${name}`, value] as const),
  )
  return { program: '/bin/sh', args: ['-c', script.join(' | ')], env: Object.fromEntries(env) }
}
