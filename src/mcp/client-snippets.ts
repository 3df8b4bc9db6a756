import { resolve } from 'node:path'

/** Clients that a snippet is known for. */
export const CLIENTS = [
  'claude-desktop',
  'claude-code',
  'cursor',
  'vscode',
  'windsurf',
  'codex',
  'zed',
  'http',
] as const

export type ClientName = (typeof CLIENTS)[number]

/** What to put into a client's configuration, and into which file. */
export interface ClientSnippet {
  readonly client: ClientName
  readonly file: string
  readonly text: string
}

/** The snippet of one client. It names the configuration and holds no secret: the commands read theirs themselves. */
export function snippetFor(client: ClientName, config: string | undefined): ClientSnippet {
  const args = ['mcp', ...(config === undefined ? [] : ['--config', resolve(config)])]
  const server = { command: 'airlock', args }
  switch (client) {
    case 'claude-desktop':
      return { client, file: 'claude_desktop_config.json', text: json({ mcpServers: { airlock: server } }) }
    case 'claude-code':
      return { client, file: 'a terminal', text: `claude mcp add airlock -- airlock ${args.map(shellWord).join(' ')}` }
    case 'cursor':
      return { client, file: '.cursor/mcp.json', text: json({ mcpServers: { airlock: server } }) }
    case 'vscode':
      return { client, file: '.vscode/mcp.json', text: json({ servers: { airlock: { type: 'stdio', ...server } } }) }
    case 'windsurf':
      return { client, file: '~/.codeium/windsurf/mcp_config.json', text: json({ mcpServers: { airlock: server } }) }
    case 'codex':
      return {
        client,
        file: '~/.codex/config.toml',
        // Strings and arrays of JSON are strings and arrays of TOML.
        text: `[mcp_servers.airlock]\ncommand = "airlock"\nargs = ${JSON.stringify(args)}`,
      }
    case 'zed':
      return { client, file: 'settings.json', text: json({ context_servers: { airlock: server } }) }
    case 'http':
      return {
        client,
        file: 'any client that speaks streamable HTTP, beside `airlock mcp --http 8931`',
        text: json({ url: 'http://127.0.0.1:8931/mcp' }),
      }
  }
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
