// Operations are found by their ids, wherever a document puts them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ExporterError } from '../../src/model/errors.ts';
import { Operations } from '../../src/sources/neptune2/swagger.ts';

const ADDRESS = 'http://neptune.example:8080/api/leaderboard/swagger.json';

function documentOf(paths: object, more: object = {}): object {
  return { swagger: '2.0', paths, ...more };
}

test('method, path and the place of each parameter come from the document', () => {
  const operations = new Operations();
  const parameters = [
    { name: 'experimentId', in: 'path' },
    { name: 'type', in: 'query', type: 'array', collectionFormat: 'multi' },
    { name: 'X-Key', in: 'header' },
    { name: 'body', in: 'body' },
  ];
  operations.add(documentOf({ '/moved/{experimentId}/x': { post: { operationId: 'getIt', parameters } } }), ADDRESS);
  const values = { experimentId: 'a/b c', type: ['run', 'model&'], 'X-Key': 'k', unknown: 1, limit: undefined };
  assert.deepEqual(operations.request('getIt', values, 'http://elsewhere'), {
    method: 'POST',
    url: 'http://neptune.example:8080/moved/a%2Fb%20c/x?type=run&type=model%26',
    headers: { 'x-key': 'k' },
  });
  assert.equal(operations.takes('getIt', 'type'), true);
  assert.equal(operations.takes('getIt', 'offset'), false);
});

test('a document may name host, base path and schemes', () => {
  const operations = new Operations();
  const where = { host: 'other.example', basePath: '/base/', schemes: ['https'] };
  operations.add(documentOf({ '/x': { get: { operationId: 'getIt' } } }, where), ADDRESS);
  assert.equal(operations.request('getIt', { a: 'ü' }, '').url, 'https://other.example/base/x?a=%C3%BC');
});

test('an operation that no document names is where it is known to be', () => {
  const { url } = new Operations().request('getProject', { projectIdentifier: 'w/p' }, 'http://neptune.example');
  assert.equal(url, 'http://neptune.example/api/backend/v1/projects/get?projectIdentifier=w%2Fp');
  assert.throws(
    () => new Operations().request('listArtifactFiles', {}, 'http://neptune.example'),
    (error) => error instanceof ExporterError && error.code === 'wrong_server',
  );
});

test('what is no swagger document is refused', () => {
  for (const value of [null, [], {}, { swagger: '2.0' }, { swagger: '2.0', paths: { '/x': { get: 5 } } }]) {
    assert.throws(() => new Operations().add(value, ADDRESS), ExporterError, JSON.stringify(value));
  }
});
