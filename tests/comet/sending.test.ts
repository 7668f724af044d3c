// What a load does with a service whose lists are late, and with what an earlier load left there.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { AlterationList } from '../../src/targets/alterations.ts';
import type { Asset, CometClient, Upload } from '../../src/targets/comet/client.ts';
import { SendingBackEnd } from '../../src/targets/comet/sending.ts';
import { tempFolder } from '../helpers/temp.ts';

const KEY = `neptune${'0'.repeat(42)}`;
const ORIGIN = { path: 'p', type: 'string' } as const;
const MIB = 1 << 20;

/** A service that shows nothing of what it took in the first answers of each list. */
async function lateService(t: TestContext, late: number, bytes: 'told' | 'untold' = 'told') {
  const parameters = new Map<string, string>();
  const assets = new Map<string, Asset>();
  const asked = new Map<string, number>();
  const isLate = (list: string) => {
    asked.set(list, (asked.get(list) ?? 0) + 1);
    return asked.get(list)! <= late;
  };
  const calls: string[] = [];
  const client: Partial<CometClient> = {
    sendParameters: async (body) => {
      const { values } = JSON.parse(body.toString()) as {
        values: { parameterName: string; parameterValue: unknown }[];
      };
      for (const { parameterName, parameterValue } of values) parameters.set(parameterName, String(parameterValue));
    },
    parameters: async () => (isLate('parameters') ? new Map() : parameters),
    metric: async () => [],
    upload: async (_, { id, name, type, metadata }: Upload) => {
      calls.push('upload');
      assets.set(id, { id, name, type, step: undefined, bytes: bytes === 'told' ? 7 : undefined, metadata });
    },
    assets: async () => (isLate('assets') ? [] : [...assets.values()]),
    deleteAsset: async () => void calls.push('delete'),
  };
  const file = join(await tempFolder(t), 'file');
  await writeFile(file, 'content');
  const backEnd = () =>
    new SendingBackEnd({
      client: client as CometClient,
      handshake: {
        ...{ key: KEY, runId: 'r', projectId: undefined, limits: { asset: MIB, image: MIB } },
        nameLengths: { asset: undefined, image: undefined },
      },
      earlier: { marks: new Map(), assets: new Map(assets) },
      alterations: new AlterationList(),
      giveUp: async () => {},
      complete: async () => {},
      budgetMs: 0,
      signal: new AbortController().signal,
    });
  return { backEnd, calls, file };
}

test('what is not in the first list is looked for again before it is said to lack', async (t) => {
  for (const [late, lacks] of [
    [2, 0],
    [9, 2],
  ] as const) {
    const { backEnd, file } = await lateService(t, late);
    const sending = backEnd();
    await sending.addParameter('p', '"value"', ORIGIN);
    await sending.put({ name: 'f', type: 'asset', metadata: {} }, file);
    await sending.flush();
    assert.equal((await sending.lacking(true)).length, lacks, `${late} late answers`);
  }
});

test('an asset whose size the service does not tell is not sent again', async (t) => {
  const { backEnd, calls, file } = await lateService(t, 0, 'untold');
  for (let load = 0; load < 2; load++) {
    const sending = backEnd();
    await sending.put({ name: 'f', type: 'asset', metadata: {} }, file);
    assert.deepEqual(await sending.lacking(true), []);
  }
  assert.deepEqual(calls, ['upload']);
});
