import type { CallToolResult, McpServer, ServerContext, StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { AirlockError } from '../errors/index.js'
import { agentError } from './agent-error.js'
import { fenced, visibleJson } from './boundary.js'
import { callOf } from './call.js'
import { newCallId } from './recorder.js'
import type { ServerState } from './server-state.js'
import type { ToolAnswer, ToolSpec } from './tool.js'

const callField = { call: z.string().describe('The id of this call in the audit log.') }

/** Offers a tool. Every call of it, a wrong one too, is recorded, answered within its limits, and ends in a result of the
 * output schema or in an error that consists of a code, its text, its hint and references. */
export function registerTool(server: McpServer, spec: ToolSpec, state: ServerState): void {
  server.registerTool(
    spec.name,
    {
      title: spec.title,
      description: spec.description,
      inputSchema: unchecked(spec.input),
      outputSchema: spec.output.extend(callField),
      annotations: { title: spec.title, ...spec.annotations },
    },
    async (input: unknown, context: ServerContext) => await answer(spec, input, context, state),
  )
}

async function answer(
  spec: ToolSpec,
  input: unknown,
  context: ServerContext,
  state: ServerState,
): Promise<CallToolResult> {
  const id = newCallId()
  try {
    const parsed = spec.input.safeParse(input)
    const about = parsed.success ? spec.about(parsed.data) : {}
    const call = callOf(id, context, state)
    const client = call.client === undefined ? {} : { client: call.client }
    const result = await state.recorder.inCall(
      id,
      { what: 'tool', name: spec.name, ...about, ...client },
      async () => {
        if (!parsed.success) throw callInvalid(parsed.error)
        const given = await spec.run(parsed.data, call)
        call.signal.throwIfAborted()
        return { given, content: contentOf(spec, given, id) }
      },
      ({ given }) => given.outcome,
    )
    return result.content
  } catch (error) {
    return { isError: true, content: [{ type: 'text', text: visibleJson({ error: agentError(error, id) }) }] }
  }
}

function contentOf(spec: ToolSpec, given: ToolAnswer<unknown>, call: string): CallToolResult {
  const structured = spec.output.extend(callField).parse({ ...(given.data as object), call })
  const lines = given.lines ?? []
  const links = given.links ?? []
  const text = [
    given.summary,
    ...(links.length === 0 ? [] : [`Resources: ${links.join(' ')}`]),
    ...(lines.length === 0 ? [] : [fenced('The answer', lines)]),
    `Call ${call}.`,
  ]
  return { content: [{ type: 'text', text: text.join('\n') }], structuredContent: structured }
}

/** The schema as clients see it, without the check: the SDK's complaint would repeat what was sent, and go unrecorded. */
function unchecked(schema: z.ZodObject): StandardSchemaWithJSON {
  const standard = schema['~standard']
  return {
    '~standard': {
      version: 1,
      vendor: standard.vendor,
      validate: (value: unknown) => ({ value }),
      jsonSchema: standard.jsonSchema,
    },
  } as StandardSchemaWithJSON
}

/** Names the fields of the tool that do not fit, and none that it does not have. */
function callInvalid({ issues }: z.ZodError): AirlockError {
  const fields = issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? 'there is a field that the tool does not have'
      : issue.path.join('.') || 'the input',
  )
  const problem = [...new Set(fields)].slice(0, 5).join(', ')
  return new AirlockError('CALL_INVALID', { phase: 'run', params: { problem } })
}
