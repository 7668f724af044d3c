// NEPTUNE_ALLOW_SELF_SIGNED_CERTIFICATE: what official clients take from the environment for servers of one's own.

import assert from 'node:assert/strict';
import test from 'node:test';
import { sampleServer } from '../../src/demo/sample-server.ts';
import { runCli } from '../helpers/cli.ts';
import { behindSelfSigned } from '../helpers/self-signed.ts';
import { tempFolder } from '../helpers/temp.ts';

const VARIABLE = 'NEPTUNE_ALLOW_SELF_SIGNED_CERTIFICATE';

for (const [version, title] of [
  ['neptune3', 'Neptune 3'],
  ['neptune2', 'Neptune 2'],
] as const) {
  test(`${title} behind a self-signed certificate: asked and exported, with one warning`, async (t) => {
    const server = await sampleServer(version, 0);
    t.after(() => server.close());
    const env = {
      NEPTUNE_API_TOKEN: await behindSelfSigned(t, server),
      NEPTUNE_PROJECT: server.project,
      [VARIABLE]: '1',
    };
    const commands = version === 'neptune2' ? ['export', 'export-models'] : ['export'];
    for (const command of commands) {
      const { code, stderr } = await runCli([command, '-c', 'parameters'], { cwd: await tempFolder(t), env });
      assert.equal(code, 0, stderr);
      assert.match(stderr, new RegExp(`^The server is ${title}\\.$`, 'm'));
      assert.match(stderr, /from https:\/\/127\.0\.0\.1:\d+\.$/m);
      assert.equal([...stderr.matchAll(/^warning: NEPTUNE_ALLOW_SELF_SIGNED_CERTIFICATE is set: /gm)].length, 1);
    }
  });
}

test('without the variable, or with an empty one, it is refused', async (t) => {
  const server = await sampleServer('neptune3', 0);
  t.after(() => server.close());
  const token = await behindSelfSigned(t, server);
  const env = { NEPTUNE_API_TOKEN: token, NEPTUNE_PROJECT: server.project, [VARIABLE]: '' };
  const { code, stderr } = await runCli(['export'], { cwd: await tempFolder(t), env });
  assert.equal(code, 1);
  assert.match(stderr, /^error: .*self-signed certificate/m);
  assert.doesNotMatch(stderr, /^warning:/m);
});
