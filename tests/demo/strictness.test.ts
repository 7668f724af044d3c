// The demo server refuses what Neptune would refuse, so that a client's mistake doesn't go unseen.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, seriesOf } from '../../src/demo/dataset.ts';
import {
  DEFINITIONS,
  EXCHANGE,
  FLOATS,
  OBJECTS,
  projectOf,
  SEARCH,
  SIGN,
  seriesRequest,
  VALUES,
  withServer,
} from './api.ts';

const DATA = projectOf({ x: attribute.int(1), loss: { type: 'floatSeries', series: seriesOf([[0, 0, 1]]) } });

const PROJECT = { projectIdentifiers: ['ws/p'] };
const SORT = { name: 'sys/id', type: 'string' };
const floats = (more: object, request: object = {}) => ({
  requests: [{ ...seriesRequest('loss'), ...request }],
  perSeriesPointsLimit: 10,
  ...more,
});
const loss = seriesRequest('loss').series;
const file = (more: object) => ({ files: [{ project_identifier: 'ws/p', path: 'a', permission: 'read', ...more }] });
const regexes = (...mustMatchRegexes: string[]) => ({
  ...PROJECT,
  attributeNameFilter: { mustMatchAny: [{ mustMatchRegexes }] },
});

/** What is asked, and the body that is refused with 400. */
const BAD: [string, string, unknown][] = [
  ['a body that is no JSON', SEARCH, '{'],
  ['a body that is a list', SEARCH, []],
  ['an unknown field', SEARCH, { attributeFilter: [] }],
  ['a search without project', '/api/leaderboard/v1/proto/leaderboard/entries/search/?type=run', {}],
  ['a search for models', SEARCH.replace('type=run', 'type=model'), {}],
  ['a page over 10,000 runs', SEARCH, { pagination: { limit: 10_001 } }],
  ['a page of no runs', SEARCH, { pagination: { limit: 0 } }],
  ['a limit that is no whole number', SEARCH, { pagination: { limit: 1.5 } }],
  ['a negative offset', SEARCH, { pagination: { limit: 1, offset: -1 } }],
  ['a limit that is a string', SEARCH, { pagination: { limit: '1' } }],
  ['sorting in no direction', SEARCH, { sorting: { dir: 'up', sortBy: SORT } }],
  ['sorting by no type', SEARCH, { sorting: { sortBy: { name: 'x' } } }],
  ['sorting by an unknown type', SEARCH, { sorting: { sortBy: { name: 'x', type: 'integer' } } }],
  ['a flag that is a string', SEARCH, { experimentLeader: 'true' }],
  ['a query that is a string', SEARCH, { query: 'x' }],
  ['a query that ends early', SEARCH, { query: { query: '(`x`:int == "1"' } }],
  ['an attribute filter without path', SEARCH, { attributeFilters: [{ name: 'x' }] }],
  [
    'a projection over 1,000',
    SEARCH,
    { attributeFilters: Array.from({ length: 1001 }, (_, n) => ({ path: `a${n}` })) },
  ],
  ['definitions of no project', DEFINITIONS, {}],
  ['definitions in pages over 10,000', DEFINITIONS, { ...PROJECT, nextPage: { limit: 10_001 } }],
  ['an invented page token', DEFINITIONS, { ...PROJECT, nextPage: { limit: 1, nextPageToken: 'x' } }],
  ['an unknown attribute type', DEFINITIONS, { ...PROJECT, attributeFilter: [{ attributeType: 'float_series' }] }],
  ['a broken regex', DEFINITIONS, regexes('(')],
  ['look-around', DEFINITIONS, regexes('a(?=b)')],
  ['regexes over 120,000 bytes', DEFINITIONS, regexes('a'.repeat(60_000), 'ü'.repeat(30_001))],
  [
    'alternatives beside regexes',
    DEFINITIONS,
    { ...PROJECT, attributeNameFilter: { mustMatchAny: [], mustMatchRegexes: [] } },
  ],
  ['a run of another project', VALUES, { experimentIdsFilter: ['ws/q/Q-1'] }],
  ['names over 220,000 bytes', VALUES, { attributeNamesFilter: ['n'.repeat(110_000), 'm'.repeat(110_001)] }],
  ['names that are numbers', VALUES, { attributeNamesFilter: [1] }],
  ['points without limit', FLOATS, { requests: [] }],
  ['series without requests', FLOATS, { perSeriesPointsLimit: 1 }],
  ['over 1,000,000 points', FLOATS, floats({ perSeriesPointsLimit: 1_000_001 })],
  [
    'over 1,000,000 points of many series',
    FLOATS,
    { requests: [seriesRequest('a'), seriesRequest('b')], perSeriesPointsLimit: 500_001 },
  ],
  [
    'over 10,000 series',
    FLOATS,
    { requests: Array.from({ length: 10_001 }, (_, n) => seriesRequest(`s${n}`)), perSeriesPointsLimit: 1 },
  ],
  ['a request id twice', FLOATS, { requests: [seriesRequest('a'), seriesRequest('a')], perSeriesPointsLimit: 1 }],
  ['an unknown order', FLOATS, floats({ order: 'desc' })],
  ['a step that is a string', FLOATS, floats({}, { afterStep: '1' })],
  ['a range with unknown ends', FLOATS, floats({ stepRange: { start: 1 } })],
  ['an unknown lineage', FLOATS, floats({}, { series: { ...loss, lineage: 'ALL' } })],
  ['an unknown entity', FLOATS, floats({}, { series: { ...loss, lineageEntityType: 'run' } })],
  [
    'a holder that is a run',
    FLOATS,
    floats({}, { series: { ...loss, holder: { identifier: 'ws/p/P-1', type: 'run' } } }),
  ],
  ['a series without attribute', FLOATS, floats({}, { series: { holder: loss.holder } })],
  ['afterStep for string series', OBJECTS, { requests: [{ ...seriesRequest('a'), afterStep: 1 }] }],
  [
    'an invented series token',
    OBJECTS,
    { requests: [{ ...seriesRequest('a'), searchAfter: { finished: false, token: '' } }] },
  ],
  ['a flag that is neither', OBJECTS.replace('false', 'no'), { requests: [] }],
  ['signing for writing', SIGN, file({ permission: 'write' })],
  ['signing for nothing', SIGN, file({ permission: 'list' })],
  ['camel case at the storage', SIGN, { files: [{ projectIdentifier: 'ws/p', path: 'a', permission: 'read' }] }],
];

test('what is wrong is refused with 400 and a reason', async () => {
  await withServer(
    { data: { projects: [...DATA.projects, { path: 'ws/q', key: 'Q', runs: projectOf({}).projects[0]!.runs }] } },
    async (api) => {
      for (const [what, path, body] of BAD) {
        const bad = what === 'a run of another project' ? { experimentIdsFilter: ['ws/q/P-1'] } : body;
        const reply = await api.post(path, bad);
        assert.equal(reply.status, 400, `${what}: ${reply.status} ${reply.body.toString('latin1').slice(0, 200)}`);
        const answer = JSON.parse(reply.body.toString());
        assert.equal(answer.errorType, 'BAD_REQUEST', what);
        assert.ok(answer.message.length > 10, what);
      }
    },
  );
});

test('what is right is not refused', async () => {
  await withServer({ data: DATA }, async (api) => {
    const good: [string, unknown][] = [
      [SEARCH, {}],
      [SEARCH, { pagination: { limit: 10_000, offset: 0 }, sorting: { dir: 'descending', sortBy: SORT } }],
      [DEFINITIONS, { ...PROJECT, attributeNameFilter: {}, attributeFilter: null }],
      [DEFINITIONS, regexes(`^(${'a'.repeat(119_996)})$`)],
      [VALUES, { experimentIdsFilter: ['ws/p/P-1', 'ws/p/P-99'], attributeNamesFilter: ['x'] }],
      [FLOATS, floats({ perSeriesPointsLimit: 1_000_000, stepRange: { from: null, to: null } })],
      [OBJECTS, { requests: [seriesRequest('nothing', 'CUSTOM/ws/p/run/with/slashes')] }],
      [SIGN, file({})],
    ];
    for (const [path, body] of good) {
      const reply = await api.post(path, body);
      assert.equal(reply.status, 200, `${path}: ${reply.body.toString('latin1').slice(0, 200)}`);
    }
  });
});

test('a project that is not there is denied everywhere', async () => {
  await withServer({ data: DATA }, async (api) => {
    const denied = [
      await api.post(SEARCH.replace('ws/p', 'ws/none'), {}),
      await api.post(VALUES.replace('ws/p', 'ws/none'), {}),
      await api.post(DEFINITIONS, { projectIdentifiers: ['ws/none'] }),
      await api.post(FLOATS, { requests: [seriesRequest('a', 'ws/none/P-1')], perSeriesPointsLimit: 1 }),
      await api.post(OBJECTS, { requests: [seriesRequest('a', 'CUSTOM/ws/none/run')] }),
      await api.post(SIGN, file({ project_identifier: 'ws/none' })),
      await api.authorized('/api/backend/v1/projects/get?projectIdentifier=ws/none'),
      await api.authorized('/api/backend/v1/projects?organizationIdentifier=none'),
    ];
    for (const { status, body } of denied) {
      assert.equal(status, 403);
      assert.equal(JSON.parse(body.toString()).errorType, 'ACCESS_DENIED');
    }
  });
});

test('tokens, paths and sizes are checked', async () => {
  await withServer({ data: DATA }, async (api) => {
    assert.equal((await api.get(EXCHANGE)).status, 401);
    assert.equal((await api.get(EXCHANGE, { 'x-neptune-api-token': `${api.server.token}x` })).status, 401);
    assert.equal((await api.get('/api/backend/v1/projects')).status, 401);
    assert.equal((await api.post(SEARCH, {}, { authorization: '' })).status, 401);
    assert.equal((await api.post(SEARCH, {}, { authorization: `Bearer ${api.accessToken}x` })).status, 401);
    assert.equal((await api.post(SEARCH, {}, { authorization: `Bearer ${api.refreshToken}` })).status, 401);
    assert.equal((await api.post(SEARCH.replace('search/', 'search'), {})).status, 404);
    assert.equal((await api.post(SEARCH, '{}', { 'content-type': 'text/plain' })).status, 415);
    const many = Array.from({ length: 201 }, () => file({}).files[0]);
    assert.equal((await api.post(SIGN, { files: many })).status, 413);
  });
});
