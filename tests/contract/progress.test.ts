// `--no-progress` on a terminal, and what `--concurrency` lets happen at the same time: requests of an export, runs of a load.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { SAMPLE_PROJECT, sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { python } from '../counterparts/python.ts';
import { startWandbServer } from '../counterparts/wandb/server.ts';
import { floats, line, sampleRun, writeArchive } from '../helpers/archive-runs.ts';
import { cleanEnvironment, PROGRAM, runCli } from '../helpers/cli.ts';
import { apiToken, serve } from '../helpers/server.ts';
import { tempFolder } from '../helpers/temp.ts';

/** Runs a program on a terminal of its own, and prints what it wrote there. */
const ON_TERMINAL = `
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))`;

/** What the program writes to a terminal. */
async function onTerminal(args: string[], cwd: string, env: Record<string, string>): Promise<string> {
  const command = [process.execPath, PROGRAM, ...args];
  const child = spawn(await python('wandb'), ['-c', ON_TERMINAL, ...command], {
    cwd,
    env: cleanEnvironment({ TERM: 'xterm', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [text, [code]] = await Promise.all([buffer(child.stdout), once(child, 'close')]);
  assert.equal(code, 0, text.toString());
  return text.toString();
}

const LIVE = '\u001b[';

test('--no-progress: nothing is redrawn on a terminal, by export, load and verify', async (t) => {
  const server = await startDemoServer({ data: sampleProject() });
  t.after(() => server.close());
  const wandb = await startWandbServer();
  t.after(() => wandb.close());
  const cwd = await tempFolder(t);
  const env = {
    NEPTUNE_API_TOKEN: server.token,
    WANDB_BASE_URL: wandb.url,
    WANDB_API_KEY: wandb.apiKey,
    HOME: cwd,
  };
  const some = ['export', '-p', SAMPLE_PROJECT, '-c', 'metrics'];
  assert.ok((await onTerminal([...some, '-d', 'live'], cwd, env)).includes(LIVE), 'there is something to leave out');
  assert.ok(
    (await onTerminal(['load', '--loader', 'wandb', '-d', 'live', '--name-prefix', 'live'], cwd, env)).includes(LIVE),
  );
  for (const args of [some, ['load', '--loader', 'wandb'], ['verify']]) {
    const text = await onTerminal([...args, '--no-progress'], cwd, env);
    assert.ok(text.length > 0 && !text.includes(LIVE), JSON.stringify(text));
  }
});

test('--concurrency of export: so many requests at the same time, and no more', async (t) => {
  const server = await startDemoServer({ data: sampleProject() });
  t.after(() => server.close());
  let atOnce = 0;
  let most = 0;
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    most = Math.max(most, ++atOnce);
    const body = await buffer(request);
    await wait(20);
    const { host: _, connection: __, 'content-length': ___, 'transfer-encoding': ____, ...headers } = request.headers;
    const answer = await fetch(`${server.url}${request.url}`, {
      method: request.method ?? 'GET',
      // The server knows its own token only, which leads past this proxy.
      headers: Object.entries(headers).map(([name, value]): [string, string] => [
        name,
        value === token ? server.token : String(value),
      ]),
      ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
    });
    const content = Buffer.from(await answer.arrayBuffer());
    atOnce -= 1;
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(content);
  };
  const address = await serve(t, (request, response) => void pass(request, response));
  const token = apiToken(address, 'key');
  const cwd = await tempFolder(t);
  for (const limit of [1, 3]) {
    most = 0;
    const args = ['export', '-p', SAMPLE_PROJECT, '-c', 'metrics', '-c', 'series', '-d', `data-${limit}`];
    const { code, stderr } = await runCli([...args, '--concurrency', String(limit)], {
      cwd,
      env: { NEPTUNE_API_TOKEN: token },
    });
    assert.equal(code, 0, stderr);
    assert.equal(most, limit);
  }
});

test('--concurrency of load: so many runs at the same time, and no more', async (t) => {
  const server = await startWandbServer();
  t.after(() => server.close());
  /** Requests on their way, by run. */
  const atOnce = new Map<string, number>();
  let most = 0;
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const [, run] = /^\/files\/[^/]+\/[^/]+\/([^/]+)\/file_stream/.exec(request.url ?? '') ?? [];
    if (run !== undefined) {
      atOnce.set(run, (atOnce.get(run) ?? 0) + 1);
      most = Math.max(most, [...atOnce.values()].filter((requests) => requests > 0).length);
      await wait(300);
    }
    const { authorization = '', 'content-encoding': encoding } = request.headers;
    const type = request.headers['content-type'] ?? 'application/json';
    const answer = await fetch(`${server.url}${request.url}`, {
      method: request.method ?? 'GET',
      headers: {
        authorization,
        'content-type': type,
        ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
      },
      ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
    });
    const content = Buffer.from(await answer.arrayBuffer());
    if (run !== undefined) atOnce.set(run, (atOnce.get(run) ?? 0) - 1);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(content);
  };
  const address = await serve(t, (request, response) => void pass(request, response));
  const cwd = await tempFolder(t);
  const runs = Array.from({ length: 6 }, (_, i) => sampleRun('ws/p', `r${i}`, [floats('m', line(3, 1))]));
  await writeArchive(join(cwd, 'exports/data'), runs);
  for (const limit of [1, 3]) {
    most = 0;
    const args = ['load', '--loader', 'wandb', '--name-prefix', `n${limit}`, '--concurrency', String(limit)];
    const env = { WANDB_BASE_URL: address, WANDB_API_KEY: server.apiKey, HOME: cwd };
    const { code, stderr } = await runCli(args, { cwd, env });
    assert.equal(code, 0, stderr);
    assert.equal(most, limit);
  }
});
