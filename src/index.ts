export type { Batch, Column } from './core/batch.js'
export { NULL_CELL } from './core/batch.js'
export { formatType, type LogicalKind, type LogicalType } from './core/column-type.js'
export { commonFields, file, secret, serverFields, topology } from './core/config-fields.js'
export { type Driver, defineDriver, type OpenOptions } from './core/define-driver.js'
export type {
  Capabilities,
  Classification,
  DriverSpec,
  Endpoint,
  Extraction,
  ExtractRequest,
  OpenContext,
  Session,
  SourceDescription,
  TlsSettings,
  WriteMode,
  WriteOutline,
  WritePlan,
  WriteReceipt,
} from './core/driver.js'
export type { ManagedSession } from './core/managed-session.js'
export type { MaskChoice, MaskChoices } from './core/mask-batches.js'
export { AirlockError, CODES, type CodeSpec, type ErrorCode, type ExitCode, type Phase } from './errors/index.js'
export { type CopyRequest, copy, type PipelineOptions, plan, run } from './run/api.js'
export type { RunReport, RunStatus, StreamReport, Verification } from './run/report.js'
export type { Progress, VerifyKind } from './run/run-stream.js'
export type { StreamPlan } from './run/stream-plan.js'
