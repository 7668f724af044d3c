// The public face of the library: what a script may import.

export { type AttributeCounts, countAttributes } from './archive/attribute-counts.ts';
export { findRun } from './archive/find-run.ts';
export { type Archive, findArchive, openArchive, readBatches, readRunInfo } from './archive/reader.ts';
export { type Summary, type SummaryOptions, summarise } from './archive/summary.ts';
export type * from './archive/types.ts';
export {
  type Note,
  type Problem,
  type ProblemCode,
  type VerifyFolder,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyResult,
  verifyArchive,
} from './archive/verify/index.ts';
export * from './model/attributes.ts';
export * from './model/batches.ts';
export { type ErrorCode, ExporterError, type Failure, FileTooLarge } from './model/errors.ts';
export { int64At, isSafeInt64, words } from './model/int64.ts';
export type { Logger } from './model/logger.ts';
export type {
  AttributeSelection,
  RegistryScope,
  RunFilter,
  RunInfo,
  RunRef,
  Selection,
  TimeRange,
} from './model/runs.ts';
export { stepText } from './model/steps.ts';
export { createNeptune2Source } from './sources/neptune2/index.ts';
export { createNeptune3Source, type Neptune3Options } from './sources/neptune3/index.ts';
export { createSource, SOURCE_NAMES, type SourceName } from './sources/registry.ts';
export type { DownloadedFile, ModelRegistry, RemoteFile, RunSink, Source } from './sources/source.ts';
export type { SourceOptions } from './sources/source-options.ts';
export { createTarget, TARGET_NAMES, type TargetName, type TargetSettings } from './targets/registry.ts';
export type { Alteration, Target, TargetRun } from './targets/target.ts';
export { type ExportOptions, type ExportResult, exportRuns } from './transfer/export.ts';
export { exportModels, type ModelsResult } from './transfer/export-models.ts';
export { type LoadOptions, type LoadResult, loadArchive } from './transfer/load.ts';
export type { Progress } from './transfer/progress.ts';
