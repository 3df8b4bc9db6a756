import { type Command, Option } from 'commander'
import type { CommandContext, GlobalOptions } from './program.js'

/** Adds `airlock mcp` and what belongs to it. */
export function addMcpCommands(program: Command, context: CommandContext, common: () => GlobalOptions): void {
  const mcp = program
    .command('mcp')
    .description('let agents look at databases without a credential')
    .option('--http <port>', 'serve over HTTP instead of stdin and stdout; 0 for any free port')
    .option('--host <address>', 'address to listen on (default: mcp.http.host, which is 127.0.0.1)')
    .option('--strict', 'do not start where variables that look like secrets are set')
    .addOption(new Option('--launched').hideHelp())
    .action(async (options) => (await import('./commands/mcp.js')).mcpCommand(context, common(), options))
  mcp
    .command('selftest')
    .description('answer what a client would ask first, without a database')
    .action(async () => (await import('./commands/mcp.js')).mcpSelftestCommand(context, common()))
  mcp
    .command('clients')
    .description('what to paste into the configuration of a client')
    .argument('[client]', 'one of them (default: all)')
    .action(async (client) => (await import('./commands/mcp-clients.js')).mcpClientsCommand(context, common(), client))
  mcp
    .command('policy')
    .description('what agents may see, and how much of it')
    .action(async () => (await import('./commands/mcp-policy.js')).mcpPolicyCommand(context, common()))
}
