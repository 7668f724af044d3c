// The interface of a source: a Neptune server that runs are read from.

import type { FileType } from '../model/attributes.ts';
import type { FloatSeriesBatch, HistogramSeriesBatch, ScalarBatch, StringSeriesBatch } from '../model/batches.ts';
import type { Failure } from '../model/errors.ts';
import type { RunFilter, RunRef, Selection } from '../model/runs.ts';

/** A file of a run as the source describes it, before it is on disk. */
export interface RemoteFile {
  attributePath: string;
  type: FileType | 'file_series';
  /** Micro-steps; file series only. */
  step?: bigint;
  /** Milliseconds since 1970-01-01 UTC; file series only. */
  timestamp?: bigint;
  /** Bytes, where the source tells. */
  size?: number;
  mimeType?: string;
  /** What names this very content at the source, so that a copy from an interrupted export can be told from another's. */
  origin: string;
  /**
   * Fetches the content to exactly this path: goes on after a cut, checks the length, and puts the file
   * in place only when whole. Retries by itself; a rejection is final.
   * @throws ExporterError `not_found` if the server has no such file
   */
  download(target: string): Promise<{ bytes: number; sha256: string }>;
}

/**
 * Receives what a source reads. A source waits for each promise before it goes on with the same stream of data:
 * that is the backpressure. Calls for different runs, and for different attributes of one run, may overlap.
 * Batches of one series come in the order of their steps. A rejection means the destination is broken (disk full):
 * the source stops.
 */
export interface RunSink {
  batch(run: RunRef, batch: ScalarBatch | FloatSeriesBatch | StringSeriesBatch | HistogramSeriesBatch): Promise<void>;
  /**
   * The file attributes of the run, all of them, before the first `file` call for it, so that their names on disk can
   * be chosen without clashes.
   */
  fileAttributes(run: RunRef, attributes: { path: string; mimeType?: string; type: FileType | 'file_series' }[]): void;
  file(run: RunRef, file: RemoteFile): Promise<void>;
  /** Something of the run that could not be read, after all retries. */
  failure(run: RunRef, failure: Failure): void;
  /** All of the run has been handed over; called once for each, and nothing comes for it after that. */
  done(run: RunRef): Promise<void>;
}

/** Promises: all calls are reads and may be repeated; nothing is written but files through `RemoteFile.download`. */
export interface Source {
  readonly name: 'neptune3' | 'neptune2';
  /** The server's address as shown to users; never holds a secret. */
  readonly address: string;
  /** Project paths of a workspace, in the server's order. @throws ExporterError `access_denied` */
  listProjects(workspace: string): Promise<string[]>;
  /** Runs of a project that pass the filter, each once. @throws ExporterError `access_denied` for an unknown project */
  listRuns(projectId: string, filter: RunFilter): AsyncIterable<RunRef[]>;
  /**
   * Reads the content of some runs of one project into the sink. Returns when all has been handed over; what failed
   * was told to `sink.failure`. Rejects only for what concerns every run: refused token, no network at all, a broken
   * sink, the signal.
   */
  readRuns(runs: RunRef[], selection: Selection, sink: RunSink, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
