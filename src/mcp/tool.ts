import type { ToolAnnotations } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { CliCall } from './cli-bridge.js'
import type { Envelope } from './envelope.js'
import type { ServerState } from './server-state.js'

/** One call of a tool or a resource, as the code that answers it sees it. */
export interface Call {
  /** The id that records, child and reply carry. */
  readonly id: string
  readonly state: ServerState
  /** Aborts when the client cancels or goes away, or the server ends. */
  readonly signal: AbortSignal
  /** Who asks, where the transport has verified it. */
  readonly client: string | undefined
  /** Runs a command of the CLI. Throws what the command failed with, without its text. */
  readonly cli: (call: CliWords) => Promise<Answer>
  /** The same for commands whose failure is an answer too. */
  readonly tryCli: (call: CliWords) => Promise<Envelope>
}

export type CliWords = Pick<CliCall, 'args' | 'operands' | 'input'> & { readonly deadlineMs?: number }

/** What a command answered. */
export type Answer = Extract<Envelope, { readonly ok: true }>

/** What a tool gives back. */
export interface ToolAnswer<Output> {
  /** The structured content, without the id of the call. */
  readonly data: Output
  /** One sentence of ours: no name, value or text that came from a database. */
  readonly summary: string
  /** What came from outside, line by line, as it stands between the marks. Nothing, where there is nothing of it. */
  readonly lines?: readonly unknown[]
  /** Resources to read on. */
  readonly links?: readonly string[]
  /** For the audit record of the outcome: counts, never values. */
  readonly outcome: Readonly<Record<string, unknown>>
}

/** A tool: its schemas, what it does to the world, and how it answers. */
export interface ToolSpec<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string
  readonly title: string
  readonly description: string
  /** Strict. */
  readonly input: Input
  readonly output: Output
  readonly annotations: Required<
    Pick<ToolAnnotations, 'readOnlyHint' | 'destructiveHint' | 'idempotentHint' | 'openWorldHint'>
  >
  /** For the audit record of the call: names, never statements or content. */
  readonly about: (input: z.output<Input>) => Readonly<Record<string, unknown>>
  readonly run: (input: z.output<Input>, call: Call) => Promise<ToolAnswer<z.output<Output>>>
}

/** Lets a spec's parts know each other's types. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  spec: ToolSpec<Input, Output>,
): ToolSpec {
  return spec as unknown as ToolSpec
}
