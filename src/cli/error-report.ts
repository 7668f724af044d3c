// The error report: one JSON line for each thing that could not be carried over.

import { resolve } from 'node:path';
import type { Failure } from '../model/errors.ts';
import { fit, count as number, printable } from './format.ts';
import { appendLine } from './logging.ts';

/** Entries that are named on screen, too. */
const SHOWN = 10;
/** Columns of a name in a line; names may have a thousand characters. */
const NAME_WIDTH = 80;

/** What of an entry is shown on screen. */
export interface ReportedError {
  projectId: string;
  /** Empty where a project as a whole is concerned. */
  runId: string;
  attributePath?: string;
  message: string;
}

export interface ErrorReport {
  /** Absolute path. */
  readonly path: string;
  /** Lines written so far. */
  readonly count: number;
  /** The first few, for the screen. */
  readonly first: readonly ReportedError[];
  record(projectId: string, runId: string, failure: Failure): void;
}

/**
 * A report that makes its file, and the folder of it, when the first error comes. Lines are appended to what is there.
 *
 * The first five fields are the official exporter's, `exception` holds the kind of error only, as there; what happened
 * in words is `message`. `run_id` is null where the failure concerns a project as a whole.
 */
export function createErrorReport(path: string, redact: (text: string) => string): ErrorReport {
  const absolute = resolve(path);
  let lines = 0;
  const first: ReportedError[] = [];
  return {
    path: absolute,
    get count() {
      return lines;
    },
    first,
    record(projectId, runId, failure) {
      const { attributePath } = failure;
      const message = redact(failure.message);
      if (first.length < SHOWN) {
        first.push({ projectId, runId, ...(attributePath === undefined ? {} : { attributePath }), message });
      }
      const line = JSON.stringify({
        project_id: projectId,
        run_id: runId === '' ? null : runId,
        attribute_path: attributePath ?? null,
        attribute_type: failure.attributeType ?? null,
        exception: exceptionName(failure.code),
        message,
        code: failure.code,
        time: failure.time,
        attempts: failure.attempts ?? null,
      });
      appendLine(absolute, line);
      lines += 1;
    },
  };
}

/** Entries of a report as lines for the screen; the last one says how many more there are. */
export function errorLines(first: readonly ReportedError[], count: number): string[] {
  const lines = first.map(({ projectId, runId, attributePath, message }) => {
    const what = [...(runId === '' ? [projectId] : [`run ${runId}`]), ...(attributePath ? [attributePath] : [])];
    return `    ${fit(printable(what.join(', ')).replaceAll('\n', ' '), NAME_WIDTH)}: ${printable(message).replaceAll('\n', ' ')}`;
  });
  return count > first.length ? [...lines, `    and ${number(count - first.length)} more`] : lines;
}

/** `bad_answer` as `BadAnswerError`. */
function exceptionName(code: string): string {
  const words = code.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}Error`;
}
