import { AirlockError } from '../../errors/index.js'
import { CLIENTS, snippetFor } from '../../mcp/client-snippets.js'
import type { CommandContext, GlobalOptions } from '../program.js'

/** `airlock mcp clients [CLIENT]`: what to paste where. No secret is in it, and none belongs there. */
export function mcpClientsCommand(
  { output }: CommandContext,
  common: GlobalOptions,
  client: string | undefined,
): Promise<void> {
  const names = client === undefined ? CLIENTS : CLIENTS.filter((name) => name === client)
  if (names.length === 0) {
    const problem = `the clients are ${CLIENTS.join(', ')}`
    throw new AirlockError('USAGE', { phase: 'config', params: { problem } })
  }
  const snippets = names.map((name) => snippetFor(name, common.config))
  const human = snippets.map(({ client, file, text }) => [`${output.bold(client)}: ${file}`, text].join('\n'))
  output.result({ clients: snippets }, human.join('\n\n'))
  return Promise.resolve()
}
