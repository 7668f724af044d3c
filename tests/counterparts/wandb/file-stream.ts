// The file stream of a run: lines of history, events, summary and console, and how it ended.

import { isObject, parseObject } from './json.ts';
import { checkPath, type Limits } from './limits.ts';
import { demand, Refusal } from './refusal.ts';
import type { Run } from './store.ts';

interface Chunk {
  offset: number;
  content: string[];
}

const KNOWN = ['files', 'uploaded', 'preempting', 'complete', 'exitcode'];
const ENDED = ['finished', 'failed', 'crashed', 'killed'];
const SUMMARY = 'wandb-summary.json';

/** Takes one request. It is taken whole or not at all. @returns the answer @throws Refusal */
export function takeStream(run: Run, body: unknown, limits: Limits): Record<string, unknown> {
  demand(isObject(body), 'the body must be a JSON object');
  for (const key of Object.keys(body)) demand(KNOWN.includes(key), `file_stream: unknown field ${key}`);
  const chunks = chunksOf(body.files, limits);
  const { uploaded = [], complete = false, preempting = false, exitcode = null } = body;
  demand(Array.isArray(uploaded), 'file_stream: uploaded must be a list');
  for (const path of uploaded as unknown[]) checkUploaded(run, path);
  demand(
    typeof complete === 'boolean' && typeof preempting === 'boolean',
    'file_stream: complete, preempting: booleans',
  );
  demand(exitcode === null || Number.isInteger(exitcode), 'file_stream: exitcode must be a whole number');
  demand(complete === (exitcode !== null), 'file_stream: exitcode comes with complete');
  // What can still refuse comes first.
  for (const [name, chunk] of chunks) if (name === SUMMARY) for (const line of chunk.content) checkSummary(line);
  for (const [name, { offset, content }] of chunks)
    if (name === 'wandb-history.jsonl') run.history.put(offset, content);
  for (const [name, chunk] of chunks) PUT[name]?.(run, chunk);
  for (const path of uploaded as string[]) run.uploaded.add(path);
  if (ENDED.includes(run.state)) run.resumed += 1;
  run.heartbeatAt = new Date();
  run.state = stateAfter(complete, preempting, exitcode as number | null);
  if (complete) run.exitCode = exitcode as number;
  return { exitcode: run.exitCode, stopped: run.stopped };
}

function stateAfter(complete: boolean, preempting: boolean, exitcode: number | null) {
  if (complete) return exitcode === 0 ? 'finished' : 'failed';
  return preempting ? 'preempting' : 'running';
}

function chunksOf(files: unknown, limits: Limits): [string, Chunk][] {
  if (files === undefined) return [];
  demand(isObject(files), 'file_stream: files must be an object');
  let lines = 0;
  let total = 0;
  const chunks = Object.entries(files).map(([name, chunk]): [string, Chunk] => {
    demand(name in PUT, `file_stream: unknown file ${name}`);
    demand(isObject(chunk), `file_stream: ${name} must be an object`);
    const { offset, content, ...rest } = chunk;
    demand(Object.keys(rest).length === 0, `file_stream: unknown fields ${Object.keys(rest)} of ${name}`);
    demand(Number.isSafeInteger(offset) && (offset as number) >= 0, `file_stream: no offset of ${name}`);
    demand(Array.isArray(content), `file_stream: content of ${name} must be a list of texts`);
    for (const line of content as unknown[]) {
      demand(typeof line === 'string', `file_stream: content of ${name} must be a list of texts`);
      const bytes = Buffer.byteLength(line);
      if (bytes > limits.lineBytes) throw new Refusal(413, `file_stream: a line of ${name} has ${bytes} bytes`);
      demand(name === 'output.log' || !/[\n\r]/.test(line), `file_stream: a line of ${name} has a line break`);
      total += bytes;
      lines += 1;
    }
    return [name, { offset: offset as number, content: content as string[] }];
  });
  if (lines > 1 && total > limits.streamBytes) throw new Refusal(413, `file_stream: ${total} bytes of lines`);
  return chunks;
}

/** What each file does with its lines. History is taken before, it can refuse. */
const PUT: Record<string, (run: Run, chunk: Chunk) => void> = {
  'wandb-history.jsonl': () => {},
  'wandb-events.jsonl': (run, chunk) => overwrite(run.events, chunk),
  'output.log': (run, chunk) => overwrite(run.output, chunk),
  [SUMMARY]: (run, chunk) => overwrite(run.summary, chunk),
};

function checkSummary(line: string): void {
  try {
    parseObject(line);
  } catch (error) {
    throw new Refusal(400, `file_stream: the summary is no JSON object: ${(error as Error).message}`);
  }
}

/** Lines may be sent again as others, and some later ones before: the console redraws them. */
function overwrite(lines: string[], { offset, content }: Chunk): void {
  while (lines.length < offset) lines.push('');
  for (const [at, line] of content.entries()) lines[offset + at] = line;
}

function checkUploaded(run: Run, path: unknown): asserts path is string {
  demand(typeof path === 'string', 'file_stream: uploaded must be a list of paths');
  checkPath(path);
  demand(run.announced.has(path), `file_stream: uploaded ${path}, which no upload address was given for`);
}
