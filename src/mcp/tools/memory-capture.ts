import { z } from 'zod'
import { AirlockError } from '../../errors/index.js'
import { addressText } from '../addresses.js'
import { defineTool } from '../tool.js'

const answered = z.object({ session: z.string(), id: z.string(), bytes: z.int(), captured_at: z.string() })

/** Keeps a note for later, of what a person agreed to have kept. */
export const memoryCapture = defineTool({
  name: 'memory_capture',
  title: 'Keep a note',
  description:
    'Keeps a note of this conversation under a session id, so that it can be read later as a resource. Only with the consent of the person: ask first, and do not keep secrets or personal data. Notes are deleted after a time that the operator sets.',
  input: z.strictObject({
    session: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)
      .describe('Under which the note is kept: letters, digits, dash and underscore, 64 at most.'),
    content: z.string().min(1).max(1_048_576).describe('The note, as text.'),
    consent: z.literal(true).describe('The person has agreed that this note is kept.'),
  }),
  output: answered.extend({ uri: z.string() }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  about: ({ content }) => ({ consent: true, bytes: Buffer.byteLength(content) }),
  async run({ session, content }, { cli }) {
    const { data } = await cli({
      args: ['memory', 'capture', `--session=${session}`, '--consent'],
      input: content,
    })
    const found = answered.safeParse(data)
    if (!found.success) throw new AirlockError('CHILD_FAILED', { phase: 'run' })
    const uri = addressText({ kind: 'note', session, id: found.data.id })
    return {
      data: { ...found.data, uri },
      summary: 'The note is kept.',
      links: [uri],
      outcome: { bytes: found.data.bytes },
    }
  },
})
