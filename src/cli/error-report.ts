// The error report: one JSON line for each thing that could not be carried over.

import { resolve } from 'node:path';
import type { Failure } from '../model/errors.ts';
import { appendLine } from './logging.ts';

export interface ErrorReport {
  /** Absolute path. */
  readonly path: string;
  /** Lines written so far. */
  readonly count: number;
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
  return {
    path: absolute,
    get count() {
      return lines;
    },
    record(projectId, runId, failure) {
      const line = JSON.stringify({
        project_id: projectId,
        run_id: runId === '' ? null : runId,
        attribute_path: failure.attributePath ?? null,
        attribute_type: failure.attributeType ?? null,
        exception: exceptionName(failure.code),
        message: redact(failure.message),
        code: failure.code,
        time: failure.time,
        attempts: failure.attempts ?? null,
      });
      appendLine(absolute, line);
      lines += 1;
    },
  };
}

/** `bad_answer` as `BadAnswerError`. */
function exceptionName(code: string): string {
  const words = code.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}Error`;
}
