// The Neptune 2 demo server refuses what Neptune would refuse, so that a client's mistake doesn't go unseen.

import assert from 'node:assert/strict';
import test from 'node:test';
import { seriesOf } from '../../src/demo/dataset.ts';
import { attribute2 } from '../../src/demo/neptune2/dataset.ts';
import { type Ask, projectOf2, withServer2 } from './neptune2-api.ts';

const DATA = projectOf2({
  x: attribute2.int(1),
  loss: attribute2.floats(seriesOf([[0, 0, 1]])),
  log: attribute2.strings(seriesOf([[0, 0, 'a']])),
  images: attribute2.images(seriesOf([])),
  file: attribute2.file('a.txt', 'a'),
  set: attribute2.fileSet({ 'a/b': 'c' }),
});

type Query = Record<string, string | number | boolean | string[]>;
const RUN = { experimentId: 'ws/p/P-1' };
const LOSS = { ...RUN, attribute: 'loss' };
const PROJECT = { projectIdentifier: 'ws/p', type: 'run' };
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const search = (body: unknown): [string, Query, Ask] => ['searchLeaderboardEntries', PROJECT, { body }];
const nql = (query: string) => search({ query: { query } });
const sorting = (more: object) => search({ sorting: { sortBy: { name: 'x', type: 'int' }, ...more } });

const BAD: [what: string, status: number, errorType: string, request: [string, Query?, Ask?]][] = [
  ['an unknown parameter', 400, 'BAD_REQUEST', ['getFloatSeriesValues', { ...LOSS, skipToStep: 1 }]],
  ['a missing parameter', 400, 'BAD_REQUEST', ['getFloatSeriesValues', RUN]],
  ['a parameter twice', 400, 'BAD_REQUEST', ['getFloatSeriesValues', { ...RUN, attribute: ['loss', 'x'] }]],
  ['a limit that is no integer', 400, 'BAD_REQUEST', ['getFloatSeriesValues', { ...LOSS, limit: '1.0' }]],
  ['a negative limit', 400, 'BAD_REQUEST', ['getFloatSeriesValues', { ...LOSS, limit: -1 }]],
  ['an offset over 32 bits', 400, 'BAD_REQUEST', ['getFloatSeriesValues', { ...LOSS, offset: 2 ** 31 }]],
  ['floats of a string series', 400, 'BAD_REQUEST', ['getFloatSeriesValues', { ...RUN, attribute: 'log' }]],
  ['an attribute that is not there', 404, 'ATTRIBUTE_NOT_FOUND', ['getFloatSeriesValues', { ...RUN, attribute: 'y' }]],
  ['a series as value', 400, 'BAD_REQUEST', ['getFloatAttribute', LOSS]],
  ['a run that is not there', 404, 'EXPERIMENT_NOT_FOUND', ['getExperiment', { experimentId: 'ws/p/P-2' }]],
  ['a UUID that is not there', 404, 'EXPERIMENT_NOT_FOUND', ['getExperimentAttributes', { experimentId: UNKNOWN }]],
  ['a short id alone', 400, 'INCORRECT_IDENTIFIER', ['getExperimentAttributes', { experimentId: 'P-1' }]],
  ['a project that is not there', 404, 'PROJECT_NOT_FOUND', ['getProject', { projectIdentifier: 'ws/q' }]],
  ['a workspace that is not there', 404, 'ORGANIZATION_NOT_FOUND', ['listProjects', { organizationIdentifier: 'w' }]],
  ['projects in too large pages', 400, 'BAD_REQUEST', ['listProjects', { limit: 1001 }]],
  ['a search without project', 400, 'BAD_REQUEST', ['searchLeaderboardEntries', { type: 'run' }, { body: {} }]],
  [
    'a search for experiments',
    400,
    'BAD_REQUEST',
    ['searchLeaderboardEntries', { ...PROJECT, type: 'experiment' }, { body: {} }],
  ],
  ['a search without body', 415, 'UNSUPPORTED_MEDIA_TYPE', ['searchLeaderboardEntries', PROJECT]],
  ['a body that is no JSON', 400, 'BAD_REQUEST', search('{')],
  ['a body that is a list', 400, 'BAD_REQUEST', search([])],
  ['an unknown field', 400, 'BAD_REQUEST', search({ attributeFilter: [] })],
  ['rows beyond 10,000', 400, 'BAD_REQUEST', search({ pagination: { offset: 9_950, limit: 51 } })],
  ['an offset beyond 10,000', 400, 'BAD_REQUEST', search({ pagination: { offset: 10_001, limit: 0 } })],
  ['sorting in no direction', 400, 'BAD_REQUEST', sorting({ dir: 'up' })],
  ['sorting by an unknown type', 400, 'BAD_REQUEST', sorting({ sortBy: { name: 'x', type: 'integer' } })],
  ['sorting by no type', 400, 'BAD_REQUEST', sorting({ sortBy: { name: 'x' } })],
  ['an attribute filter without path', 400, 'BAD_REQUEST', search({ attributeFilters: [{ name: 'x' }] })],
  ['an index that is not there', 404, 'NOT_FOUND', ['getImageSeriesValue', { ...RUN, attribute: 'images', index: 0 }]],
  ['a download of a number', 400, 'BAD_REQUEST', ['downloadAttribute', { ...RUN, attribute: 'x' }]],
  ['a set without path', 400, 'BAD_REQUEST', ['downloadAttribute', { ...RUN, attribute: 'set' }]],
  ['a member that is not there', 404, 'FILE_NOT_FOUND', ['downloadAttribute', { ...RUN, attribute: 'set', path: 'a' }]],
  [
    'a folder that is not there',
    404,
    'FILE_NOT_FOUND',
    ['lsFileSetAttribute', { ...RUN, attribute: 'set', path: 'b' }],
  ],
  ['a zip of a file', 400, 'BAD_REQUEST', ['prepareForDownloadFileSetAttributeZip', { ...RUN, attribute: 'file' }]],
  [
    'a body where none is taken',
    400,
    'BAD_REQUEST',
    ['prepareForDownloadFileSetAttributeZip', { ...RUN, attribute: 'set' }, { body: {} }],
  ],
  ['an invented zip', 404, 'NOT_FOUND', ['getDownloadPrepareRequest', { id: UNKNOWN }]],
  ['a channel that is not there', 404, 'CHANNEL_NOT_FOUND', ['getChannelValues', { channelId: UNKNOWN }]],
  [
    'an artifact that is not there',
    404,
    'ARTIFACT_NOT_FOUND',
    [
      'listArtifactFiles',
      { projectIdentifier: 'ws/p', hash: 'a' },
      { headers: { 'x-neptune-artifact-api-version': '2' } },
    ],
  ],
  [
    'artifacts of the first version',
    400,
    'BAD_REQUEST',
    ['listArtifactFiles', { projectIdentifier: 'ws/p', hash: 'a' }],
  ],
];

const BAD_QUERIES = [
  '`x`:int >',
  '(`x`:int = 1',
  '`x`:number = 1',
  'x AND',
  '`x`:int CONTAINS "1"',
  '`x`:int = "one"',
  '`sys/state`:experimentState > "idle"',
  '`sys/trashed`:bool = 2',
  '`x`:string MATCHES "("',
];

test('what is wrong is refused with a status, a type and a reason', async () => {
  await withServer2({ data: DATA }, async (api) => {
    for (const [what, status, errorType, [id, query, options]] of BAD) {
      const reply = await api.ask(id, query, options);
      const body = JSON.parse(reply.body.toString()) as Record<string, unknown>;
      assert.deepEqual(
        [reply.status, body.code, body.errorType],
        [status, status, errorType],
        `${what}: ${reply.body}`,
      );
      assert.equal(typeof body.message, 'string');
    }
  });
});

test('a query that is no NQL is refused under the title that clients know it by', async () => {
  await withServer2({ data: DATA }, async (api) => {
    for (const query of BAD_QUERIES) {
      const reply = await api.ask(...nql(query));
      assert.equal(reply.status, 400, query);
      assert.equal(JSON.parse(reply.body.toString()).title, 'Syntax error', query);
    }
    // What is wrong about the request and not about the query has no title.
    assert.equal(JSON.parse((await api.ask(...sorting({ dir: 'up' }))).body.toString()).title, undefined);
  });
});

test('large pages are refused, if the server is like that', async () => {
  await withServer2({ data: DATA, maxSeriesPage: 10, refuseLargePages: true }, async (api) => {
    for (const [id, attribute] of [
      ['getFloatSeriesValues', 'loss'],
      ['getStringSeriesValues', 'log'],
      ['getImageSeriesValues', 'images'],
    ] as const) {
      assert.equal((await api.ask(id, { ...RUN, attribute, limit: 11 })).status, 400, id);
      assert.equal((await api.ask(id, { ...RUN, attribute, limit: 10 })).status, 200, id);
    }
  });
});

test('access tokens are checked, and those that ended are told apart', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const typeOf = async (options: Ask) => {
      const { status, body } = await api.ask('getProject', { projectIdentifier: 'ws/p' }, options);
      return `${status} ${JSON.parse(body.toString()).errorType}`;
    };
    const refresh = { authorization: `Bearer ${api.refreshToken}` };
    assert.equal(await typeOf({ anonymous: true }), '401 UNAUTHORIZED');
    assert.equal(await typeOf({ headers: { authorization: 'Bearer a.b.c' } }), '401 UNAUTHORIZED');
    assert.equal(await typeOf({ headers: refresh }), '401 UNAUTHORIZED');
    assert.equal((await api.fetch('/api/leaderboard/swagger.json', { anonymous: true })).status, 401);
    api.server.revokeTokens();
    assert.equal(await typeOf({}), '401 AUTHORIZATION_TOKEN_EXPIRED');
  });
});

test('API tokens of another kind are told apart from unknown ones', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const ask = (id: string, token: string) => api.ask(id, {}, { headers: { 'x-neptune-api-token': token } });
    const token = (fields: object) => Buffer.from(JSON.stringify(fields)).toString('base64');
    const message = "Parameter 'X-Neptune-Api-Token' missing or invalid";
    for (const wrong of ['', 'no base64', token({ api_address: 'x' })]) {
      for (const id of ['getClientConfig', 'exchangeApiToken']) {
        const { status, body } = await ask(id, wrong);
        assert.deepEqual([status, JSON.parse(body.toString()).message], [400, message]);
      }
    }
    assert.equal((await ask('exchangeApiToken', token({ api_address: 'x', api_key: 'y' }))).status, 401);
  });
});

test('paths that no document has are not there, and the counts do not grow with them', async () => {
  await withServer2({ data: DATA, movedPaths: true }, async (api) => {
    for (const path of ['/api/leaderboard/v1/attributes?experimentId=ws/p/P-1', '/api/leaderboard/v1/x', '/x']) {
      assert.equal((await api.fetch(path)).status, 404, path);
    }
    assert.equal(api.server.counts.get('unknown 404'), 3);
  });
});
