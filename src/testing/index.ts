export {
  connectEngine,
  type Engine,
  type EngineFacts,
  type EngineMissing,
  type EngineName,
  type EngineOptions,
  type EngineOrigin,
  factsOf,
  isMissing,
  type Pgbouncer,
  type SessionFilter,
  startEngine,
  startPgbouncer,
  type TestDatabase,
} from './engines/index.js'
export { type Behaviour, type Cut, FaultProxy, type ProxyCounts, type ProxyTarget } from './proxy.js'
export { countSockets, settle } from './sockets.js'
