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
  /** Only the answer to the download tells the file's name: the target is the folder that it goes to. */
  namedByAnswer?: true;
  /** What the source says of the file and no column of the archive holds, e.g. an image's description. */
  details?: Record<string, string>;
  /**
   * Fetches the content to exactly this path: goes on after a cut, checks the length, and puts the file
   * in place only when whole. Retries by itself; a rejection is final.
   * @param target path of the file; of its folder if `namedByAnswer`
   * @throws ExporterError `not_found` if the server has no such file; FileTooLarge if it has more than `maxBytes`
   */
  download(target: string, limits?: DownloadLimits): Promise<DownloadedFile>;
}

export interface DownloadLimits {
  maxBytes?: number;
  /** Told of bytes as they come. */
  onBytes?: (bytes: number) => void;
}

export interface DownloadedFile {
  bytes: number;
  /** Hex. */
  sha256: string;
  /** Name in the target folder, if `namedByAnswer`: one safe part of a path. */
  name?: string;
  /** What is wrong with the content, though every try brought the same; it is kept. */
  flaw?: string;
  /** More of `details`, known only now. */
  details?: Record<string, string>;
}

/**
 * Receives what a source reads. A source waits for each promise before it goes on with the same stream of data:
 * that is the backpressure. Calls for different runs, and for different attributes of one run, may overlap.
 * Batches of one series come in the order of their steps. A rejection means the destination is broken (disk full):
 * the source stops.
 */
export interface RunSink {
  /** The batch's arrays are filled anew once the promise has resolved: copy what is to be kept. */
  batch(run: RunRef, batch: ScalarBatch | FloatSeriesBatch | StringSeriesBatch | HistogramSeriesBatch): Promise<void>;
  /**
   * The file attributes of the run, all that the source knows of, before the first `file` call for it, so that their
   * names on disk can be chosen without clashes. Some may not be selected, and get no `file` call.
   */
  fileAttributes(run: RunRef, attributes: { path: string; mimeType?: string; type: FileType | 'file_series' }[]): void;
  file(run: RunRef, file: RemoteFile): Promise<void>;
  /**
   * Whether the content of a series or file is wanted; called once for each that the source found and that is selected,
   * before any of its content is asked for. Absent: all is wanted.
   */
  wants?(run: RunRef, path: string): boolean;
  /** Something of the run that could not be read, after all retries. */
  failure(run: RunRef, failure: Failure): void;
  /** Something of the runs is there, and waits until it can be read: they don't stand still. */
  alive?(): void;
  /** All of the run has been handed over; called once for each, and nothing comes for it after that. */
  done(run: RunRef): Promise<void>;
}

/** Models and their versions: listed here, read by `Source.readRuns` like runs. */
export interface ModelRegistry {
  /** Models of a project that pass the filter, each once. */
  listModels(projectId: string, filter: RunFilter): AsyncIterable<RunRef[]>;
  /** Versions of these models, each once. */
  listVersions(projectId: string, models: readonly RunRef[], includeArchived: boolean): AsyncIterable<RunRef[]>;
}

/** Promises: all calls are reads and may be repeated; nothing is written but files through `RemoteFile.download`. */
export interface Source {
  readonly name: 'neptune3' | 'neptune2';
  /** The server's address as shown to users; never holds a secret. */
  readonly address: string;
  /** Project paths of a workspace, in the server's order. @throws ExporterError `access_denied` */
  listProjects(workspace: string): Promise<string[]>;
  /**
   * Runs of a project that pass the filter, each once. May end in a `bad_answer` after some pages if the server keeps
   * runs back that it counts.
   * @throws ExporterError `access_denied` for an unknown project
   */
  listRuns(projectId: string, filter: RunFilter): AsyncIterable<RunRef[]>;
  /** The model registry; Neptune 2 only. */
  readonly registry?: ModelRegistry;
  /**
   * Reads the content of some runs of one project into the sink. Returns when all has been handed over; what failed
   * was told to `sink.failure`. Rejects only for what concerns every run: refused token, no network at all, a broken
   * sink, the signal.
   */
  readRuns(runs: RunRef[], selection: Selection, sink: RunSink, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
