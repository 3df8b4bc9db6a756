import type { Address } from '../addresses.js'
import { errorOfChild } from '../agent-error.js'
import type { Call, CliWords } from '../tool.js'
import { errorCatalogue } from './error-catalogue.js'

/** The JSON text under an address, or undefined where there is none. What the CLI prints is passed on as it was masked
 * there. */
export async function readAddress(address: Address, call: Call): Promise<string | undefined> {
  switch (address.kind) {
    case 'errors':
      return errorCatalogue()
    case 'audit':
      return await answerOf(call, { args: ['audit', 'stats'] })
    case 'run':
      return await answerOf(call, { args: ['runs', 'show'], operands: [address.id] })
    case 'note':
      return await answerOf(call, { args: ['memory', 'show'], operands: [address.session, address.id] })
    case 'discovery':
    case 'schema': {
      const { connection } = address
      const visible = call.state.policy.connections.some(({ name }) => name === connection)
      return visible ? await call.state.documents.find(address.kind, connection, address.id) : undefined
    }
  }
}

/** Codes by which the CLI says that there is no such thing. */
const NOTHING = ['USAGE', 'MEMORY_UNKNOWN']

async function answerOf(call: Call, words: CliWords): Promise<string | undefined> {
  const envelope = await call.tryCli(words)
  if (envelope.ok) return JSON.stringify(envelope.data)
  const error = errorOfChild(envelope)
  if (NOTHING.includes(error.code)) return undefined
  throw error
}
