import type { EngineFacts } from '../../src/testing/engines/index.js'
import type { End } from './end.js'

/** How the certificate of a server of these tests is checked. */
export function tlsOf({ caFile, serverName }: Pick<EngineFacts, 'caFile' | 'serverName'>): End['tls'] {
  return caFile === undefined || serverName === undefined ? undefined : { ca: caFile, serverName }
}
