import { AirlockError } from '../../errors/index.js'
import type { StatePort } from '../state-store.js'
import type { StreamRules } from '../stream-plan.js'
import type { JobFrame } from './job.js'

/** What a job says of how streams are planned. */
export function rulesOf(frame: JobFrame): StreamRules {
  const { maskKey, denyUnmasked, pipeline, source, fullRefresh, verify } = frame
  return {
    maskKey: maskKey === undefined ? undefined : Buffer.from(maskKey, 'base64'),
    denyUnmasked,
    pipeline,
    sourceName: source.name,
    home: NO_HOME,
    fullRefresh,
    checksum: verify === 'checksum',
  }
}

/** State that a target cannot keep is kept beside the configuration, which is not here. */
const NO_HOME: StatePort = {
  async read() {
    throw withoutHome()
  },
  async save() {
    throw withoutHome()
  },
}

function withoutHome(): AirlockError {
  const problem = 'the target keeps no state, and `home` is not in the sandbox; run this stream without --remote'
  return new AirlockError('UNSUPPORTED', { phase: 'plan', params: { problem } })
}
