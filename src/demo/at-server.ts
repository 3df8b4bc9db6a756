import { builtinDrivers } from '../drivers/builtin.js'
import { AirlockError } from '../errors/index.js'
import type { EngineName } from '../testing/engines/index.js'

/** Turns an error of the client library that the demo talks to its servers with into an AirlockError, by the table of the
 * engine's driver. */
export async function atServer<T>(engine: EngineName, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof AirlockError) throw error
    throw new AirlockError(builtinDrivers[engine].spec.classify(error)?.code ?? 'INTERNAL')
  }
}
