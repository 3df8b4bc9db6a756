export { describeDriver } from './conformance/driver-suite.js'
export { type EngineSettings, engineFixture } from './conformance/engine-fixture.js'
export { describeExtractor } from './conformance/extractor-suite.js'
export { describeFailures } from './conformance/failure-suite.js'
export type { Dialect, FixtureDatabase, ServerAddress, ServerFixture } from './conformance/server-fixture.js'
export type { TestApi } from './conformance/test-api.js'
export { describeWriter } from './conformance/writer-suite.js'
export type {
  E2BFault,
  E2BFaultHandle,
  E2BFaultKind,
  E2BPoint,
} from './e2b/faults.js'
export type { E2BLimits } from './e2b/fleet.js'
export type { E2BNetwork } from './e2b/network-rules.js'
export type { E2BRequest } from './e2b/request-log.js'
export { type E2BSandboxView, type E2BServer, type E2BServerOptions, startE2BServer } from './e2b/server.js'
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
export { type BlackHole, startBlackHole } from './wire/black-hole.js'
export type { StallingKind, WireFault } from './wire/conversation.js'
export { type WireCounts, WireFake, type WireFakeOptions, type WireProtocol } from './wire/wire-fake.js'
