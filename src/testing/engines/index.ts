export type {
  Engine,
  EngineFacts,
  EngineMissing,
  EngineName,
  EngineOptions,
  EngineOrigin,
  SessionFilter,
  TestDatabase,
} from './engine.js'
export { connectEngine, factsOf } from './live-engine.js'
export { type Pgbouncer, startPgbouncer } from './pgbouncer.js'
export { isMissing, startEngine } from './start-engine.js'
