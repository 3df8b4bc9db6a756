export type { Batch, Column } from './core/batch.js'
export { NULL_CELL } from './core/batch.js'
export { formatType, type LogicalKind, type LogicalType } from './core/column-type.js'
export { commonFields, file, secret, serverFields, topology } from './core/config-fields.js'
export { type Driver, defineDriver, type OpenOptions } from './core/define-driver.js'
export { defineLocalDriver } from './core/define-local-driver.js'
export type {
  Capabilities,
  Catalog,
  CatalogTable,
  Classification,
  CursorPosition,
  CursorStart,
  DiscoverRequest,
  DriverSpec,
  Endpoint,
  Extraction,
  ExtractRequest,
  ForeignKey,
  KeyRange,
  LocalDriverSpec,
  MergeStrategy,
  OpenContext,
  QueryLimits,
  QueryResult,
  ReplaceStrategy,
  RowChanges,
  SavedState,
  SchemaContract,
  Session,
  SourceDescription,
  StateKey,
  TlsSettings,
  WriteMode,
  WriteOutline,
  WritePlan,
  WriteReceipt,
  WriteStrategy,
} from './core/driver.js'
export type { ManagedSession } from './core/managed-session.js'
export type { MaskChoice, MaskChoices } from './core/mask-batches.js'
export { AirlockError, CODES, type CodeSpec, type ErrorCode, type ExitCode, type Phase } from './errors/index.js'
export {
  type CopyRequest,
  copy,
  type PipelineOptions,
  plan,
  run,
  type VerifyPipelineOptions,
  verify,
} from './run/api.js'
export type { RunReport, RunStatus, StreamReport, Verification } from './run/report.js'
export type { Progress, VerifyKind } from './run/run-stream.js'
export type { StreamPlan } from './run/stream-plan.js'
export type { StreamComparison } from './run/verify-pipeline.js'
