// Where the W&B server is and how to sign in, as W&B's own programs find it; and what is told when something is wrong.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { API_KEY } from '../counterparts/wandb/server.ts';
import { runCli } from '../helpers/cli.ts';
import { WandbBench } from './bench.ts';
import { counting, run } from './runs.ts';

const OTHER_KEY = 'local-ffffffffffffffffffffffffffffffffffffffff';

/** Puts a file below the bench's home, which is its folder as well. */
async function put(bench: WandbBench, path: string, content: string): Promise<void> {
  const place = join(bench.folder, path);
  await mkdir(join(place, '..'), { recursive: true });
  await writeFile(place, content, { mode: 0o600 });
}

/** A load with nothing in its environment but this. */
function bare(bench: WandbBench, args: string[], env: Record<string, string> = {}) {
  const place = ['load', '--loader', 'wandb', '-d', 'data', '-f', 'files', '--json'];
  return runCli([...place, ...args], { cwd: bench.folder, env: { HOME: bench.folder, ...env } });
}

async function withRun(t: Parameters<typeof WandbBench.create>[0]): Promise<WandbBench> {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  return bench;
}

test('the key comes from the option, else the environment, else netrc', async (t) => {
  const bench = await withRun(t);
  const { url } = bench.server;
  const env = { WANDB_BASE_URL: url, NEPTUNE_EXPORTER_RETRY_SECONDS: '1' };
  const netrc = (key: string) =>
    `machine elsewhere login user password no\nmachine 127.0.0.1\n  login user\n  password ${key}\n`;
  const codes: (number | null)[] = [];
  const load = async (args: string[], more: Record<string, string> = {}) => {
    codes.push((await bare(bench, args, { ...env, ...more })).code);
  };
  await load(['--wandb-api-key', API_KEY], { WANDB_API_KEY: OTHER_KEY });
  await load([], { WANDB_API_KEY: API_KEY });
  await put(bench, '.netrc', netrc(OTHER_KEY));
  await load([], { WANDB_API_KEY: API_KEY });
  await put(bench, '.netrc', netrc(API_KEY));
  await load([]);
  await put(bench, '.netrc', netrc(OTHER_KEY));
  await put(bench, 'elsewhere/netrc', netrc(API_KEY));
  await load([], { NETRC: join(bench.folder, 'elsewhere/netrc') });
  await put(
    bench,
    '.netrc',
    `machine 127.0.0.1\nmacdef init\n  password ${OTHER_KEY}\n\nlogin user password ${API_KEY}\n`,
  );
  await load([]);
  assert.deepEqual(codes, [0, 0, 0, 0, 0, 0]);
});

test('the server and the entity come from W&B’s settings files', async (t) => {
  const bench = await withRun(t);
  const { url } = bench.server;
  const env = { WANDB_API_KEY: API_KEY };
  await put(bench, '.config/wandb/settings', `[default]\nbase_url = ${url}/\nentity = other-team\n`);
  assert.equal((await bare(bench, [], env)).code, 0);
  assert.deepEqual(
    bench.server.runs().map(({ entity }) => entity),
    ['other-team'],
  );
  // The folder's own goes before, the environment before both.
  await put(bench, 'wandb/settings', `[default]\nentity = emulated-team\n`);
  assert.equal((await bare(bench, [], env)).code, 0);
  assert.equal(bench.server.runs().length, 2);
  await put(bench, 'moved/settings', `[default]\nbase_url = ${url}\n`);
  await put(bench, '.config/wandb/settings', `[default]\nbase_url = http://127.0.0.1:9\n`);
  assert.equal((await bare(bench, [], { ...env, WANDB_CONFIG_DIR: join(bench.folder, 'moved') })).code, 0);
  assert.equal((await bare(bench, [], { ...env, WANDB_BASE_URL: url })).code, 0);
});

test('settings that can’t be meant: one sentence, nothing sent', async (t) => {
  const bench = await withRun(t);
  const { url } = bench.server;
  const cases: [what: string, env: Record<string, string>, args: string[], said: RegExp][] = [
    ['no key', { WANDB_BASE_URL: url }, [], /key/],
    ['an empty key', { WANDB_BASE_URL: url, WANDB_API_KEY: ' ' }, [], /key/],
    ['a wrong key', { WANDB_BASE_URL: url, WANDB_API_KEY: OTHER_KEY }, [], /key/],
    ['a key with odd characters', { WANDB_BASE_URL: url, WANDB_API_KEY: 'a\tkey' }, [], /key/],
    ['no address', { WANDB_BASE_URL: 'api.wandb.ai', WANDB_API_KEY: API_KEY }, [], /address|WANDB_BASE_URL/],
    ['another protocol', { WANDB_BASE_URL: 'ftp://x', WANDB_API_KEY: API_KEY }, [], /address|WANDB_BASE_URL/],
    ['an empty project', { WANDB_BASE_URL: url, WANDB_API_KEY: API_KEY }, ['--wandb-project-name', ''], /project/],
  ];
  for (const [what, env, args, expected] of cases) {
    const { code, stderr, stdout } = await bare(bench, args, { NEPTUNE_EXPORTER_RETRY_SECONDS: '1', ...env });
    assert.ok(code === 1 || code === 2, `${what}: ${code} ${stderr}`);
    const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
    assert.equal(errors.length, 1, `${what}: ${stderr}`);
    assert.match(errors[0]!, expected, what);
    assert.ok(!/\n\s+at /.test(stderr), `${what}: no trace`);
    for (const key of [OTHER_KEY, API_KEY])
      assert.ok(!`${stderr}${stdout}${await bench.written()}`.includes(key), what);
  }
  assert.deepEqual(bench.server.runs(), []);
});

test('the key is in nothing that is said, written, or sent but the header', async (t) => {
  const bench = await withRun(t);
  const bodies: string[] = [];
  const { url } = bench.server;
  // Repeats the key in what it refuses.
  const proxy = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks);
      bodies.push(`${request.url}${body}`);
      if (request.url?.endsWith('file_stream')) {
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: `no ${API_KEY}` }));
        return;
      }
      const headers = { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' };
      const answer = await fetch(`${url}${request.url}`, { method: 'POST', headers, body });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    proxy.closeAllConnections();
    return new Promise((resolve) => proxy.close(resolve));
  });
  const { port } = proxy.address() as { port: number };
  const env = { WANDB_BASE_URL: `http://127.0.0.1:${port}`, NEPTUNE_EXPORTER_RETRY_SECONDS: '1' };
  for (const [args, more] of [
    [['-v'], { WANDB_API_KEY: API_KEY }],
    [['-v', '--wandb-api-key', API_KEY], {}],
  ] as const) {
    const { code, stdout, stderr } = await bare(bench, [...args], { ...env, ...more });
    assert.equal(code, 3, stderr);
    for (const text of [stdout, stderr, await bench.written(), ...bodies]) assert.ok(!text.includes(API_KEY), text);
  }
  const secret = API_KEY.slice('local-'.length);
  assert.ok(!bodies.join('').includes(secret));
  assert.ok(!bodies.join('').includes(btoa(`api:${API_KEY}`)));
});

test('help says where the key comes from', async (t) => {
  const bench = await WandbBench.create(t);
  const { stdout } = await runCli(['load', '--help'], { cwd: bench.folder });
  for (const flag of ['--wandb-entity', '--wandb-api-key', '--wandb-project-name', '--wandb-keep-slashes'])
    assert.ok(stdout.includes(flag), flag);
  assert.match(stdout, /WANDB_API_KEY/);
});

test('an entity that isn’t there is told once, before anything is done', async (t) => {
  const bench = await withRun(t);
  await bench.write(run('r2', []));
  for (const more of [[], ['--dry-run']]) {
    const { code, stderr } = await bench.cli('load', ['--wandb-entity', 'nobody', ...more]);
    assert.equal(code, 1, stderr);
    assert.equal(stderr.match(/^error: .*nobody/gm)?.length, 1, stderr);
  }
});
