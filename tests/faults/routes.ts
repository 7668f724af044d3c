// Kinds of requests of an export, and what the archive misses when one of them never works.

import type { SourceName } from '../../src/sources/registry.ts';

export interface Route {
  name: string;
  path: RegExp;
  /** What an export lacks without it: everything, whole runs, attributes by path, or nothing. */
  lost: 'everything' | 'runs' | readonly string[];
  /**
   * What is read of the answer: a message that shows its end; a message whose emptiness means something; a file whose
   * size is known, or not.
   */
  answer: 'json' | 'protobuf' | 'sized' | 'unsized';
  method: 'GET' | 'POST';
}

type Short = [name: string, path: RegExp, method: Route['method'], answer: Route['answer'], lost: Route['lost']];

const FILES3 = ['files/model', 'files/note', 'images/sample'];
const SERIES3 = ['logs/lines', 'histograms/weights', 'images/sample'];
const FLOATS = ['metrics/loss', 'metrics/acc'];

const ROUTES: Record<SourceName, Short[]> = {
  neptune3: [
    ['exchange', /oauth-token$/, 'GET', 'json', 'everything'],
    ['search', /entries\/search/, 'POST', 'protobuf', 'everything'],
    ['attributes', /attributes\/query$/, 'POST', 'protobuf', 'runs'],
    ['float series', /series\/float$/, 'POST', 'protobuf', FLOATS],
    ['other series', /attributes\/series$/, 'POST', 'protobuf', SERIES3],
    ['signing', /signedUrl$/, 'POST', 'json', FILES3],
    ['storage', /^\/storage\//, 'GET', 'sized', FILES3],
    ['refresh', /openid-connect\/token$/, 'POST', 'json', []],
  ],
  neptune2: [
    ['backend document', /backend\/swagger\.json$/, 'GET', 'json', 'everything'],
    ['configuration', /clients\/config$/, 'GET', 'json', 'everything'],
    ['exchange', /oauth-token$/, 'GET', 'json', 'everything'],
    ['leaderboard document', /leaderboard\/swagger\.json$/, 'GET', 'json', 'everything'],
    ['artifacts document', /artifacts\/swagger\.json$/, 'GET', 'json', ['data/set']],
    ['project', /projects\/get$/, 'GET', 'json', 'everything'],
    ['search', /entries\/search$/, 'POST', 'json', 'everything'],
    ['attributes', /v1\/attributes$/, 'GET', 'json', 'runs'],
    ['float series', /series\/float$/, 'GET', 'json', FLOATS],
    ['string series', /series\/string$/, 'GET', 'json', ['logs/lines']],
    ['words of images', /channels\//, 'GET', 'json', []],
    ['image', /image\/single$/, 'GET', 'unsized', ['images/sample']],
    ['file', /attributes\/download$/, 'GET', 'sized', ['files/model']],
    ['zip, asked for', /downloadFileSetZipRequest$/, 'POST', 'json', ['source/files']],
    ['zip, waited for', /downloadRequest$/, 'GET', 'json', ['source/files']],
    ['zip', /downloadFile$/, 'GET', 'unsized', ['source/files']],
    ['artifact', /artifacts\/files$/, 'GET', 'json', ['data/set']],
    ['refresh', /openid-connect\/token$/, 'POST', 'json', []],
  ],
};

export function routesOf(name: SourceName): Route[] {
  return ROUTES[name].map(([route, path, method, answer, lost]) => ({ name: route, path, method, answer, lost }));
}

/** Keys of the content that a route's failure costs. @param runs ids */
export function lostBy({ lost }: Route, runs: readonly string[], attributes: readonly string[]): string[] {
  const paths = lost === 'everything' ? [...attributes, ''] : lost === 'runs' ? [''] : lost;
  return runs.flatMap((run) => paths.map((path) => `${run}|${path}`)).sort();
}
