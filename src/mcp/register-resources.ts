import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { AirlockError } from '../errors/index.js'
import { type Address, parseAddress, TEMPLATES } from './addresses.js'
import { agentError } from './agent-error.js'
import { callOf } from './call.js'
import { newCallId } from './recorder.js'
import { readAddress } from './resources/read-address.js'
import type { ServerState } from './server-state.js'

const DESCRIPTIONS = {
  discovery: ['Discovered tables', 'All tables of an answer of discovery_request, with their columns.'],
  schema: ['One table', 'An answer of schema_get.'],
  run: ['Report of a run', 'What a run did, by stream; addresses are in runs_list.'],
  note: ['A note', 'What memory_capture has kept.'],
  audit: ['Audit summary', 'How many records of which kind and outcome the audit log has.'],
  errors: ['Errors', 'Every code, its sentence and what to do.'],
} as const satisfies Record<Address['kind'], readonly [title: string, description: string]>

/** Offers everything under `airlock://`. A read is recorded like a call of a tool. */
export function registerResources(server: McpServer, state: ServerState): void {
  for (const kind of Object.keys(TEMPLATES) as Address['kind'][]) {
    if (kind === 'note' && !state.policy.memory) continue
    const [title, description] = DESCRIPTIONS[kind]
    const template = TEMPLATES[kind]
    const about = { title, description, mimeType: 'application/json' }
    if (template.includes('{')) {
      server.registerResource(kind, new ResourceTemplate(template, { list: undefined }), about, (uri, _, context) =>
        read(uri.href, context, state),
      )
    } else {
      server.registerResource(kind, template, about, (uri, context) => read(uri.href, context, state))
    }
  }
}

async function read(uri: string, context: ServerContext, state: ServerState): Promise<ReadResourceResult> {
  const id = newCallId()
  const address = parseAddress(uri)
  try {
    const call = callOf(id, context, state)
    const client = call.client === undefined ? {} : { client: call.client }
    return await state.recorder.inCall(
      id,
      { what: 'resource', name: address?.kind ?? 'unknown', ...client },
      async () => {
        const text = address === undefined ? undefined : await readAddress(address, call)
        call.signal.throwIfAborted()
        if (text === undefined) throw new NotFound()
        return { contents: [{ uri, mimeType: 'application/json', text }] }
      },
      () => ({}),
    )
  } catch (error) {
    if (error instanceof NotFound) throw new ResourceNotFoundError(uri)
    const { message, ...rest } = agentError(error, id)
    throw new ProtocolError(ProtocolErrorCode.InternalError, message, rest)
  }
}

/** There is nothing under an address, or nothing any more. */
class NotFound extends AirlockError {
  constructor() {
    super('RESOURCE_UNKNOWN', { phase: 'run' })
  }
}
