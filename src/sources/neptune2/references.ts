// What the archive has no type for, kept as single values: git commit, notebook, state. The official exporter drops them.

import type { ScalarRow } from '../../model/batches.ts';
import { timeOf } from './attribute-values.ts';

type Properties = Record<string, unknown>;

/** Field of the properties, and the last part of the path that it gets. */
const GIT_COMMIT: [field: string, name: string][] = [
  ['commitId', 'commit_id'],
  ['message', 'message'],
  ['authorName', 'author_name'],
  ['authorEmail', 'author_email'],
  ['commitDate', 'commit_date'],
];
const NOTEBOOK: [field: string, name: string][] = [
  ['notebookId', 'notebook_id'],
  ['notebookName', 'notebook_name'],
  ['notebookDeleted', 'notebook_deleted'],
  ['checkpointId', 'checkpoint_id'],
  ['checkpointName', 'checkpoint_name'],
  ['checkpointCreated', 'checkpoint_created'],
  ['checkpointDeleted', 'checkpoint_deleted'],
];

/**
 * Rows for an attribute of one of these types, below its path; the state of a run at its path itself. No other
 * attribute can be there, since in Neptune a path below an attribute is none.
 */
export function rowsOfReference(
  path: string,
  type: 'gitRef' | 'notebookRef' | 'experimentState',
  properties: Properties,
): ScalarRow[] {
  if (type === 'experimentState') {
    const { value } = properties;
    return typeof value === 'string' ? [{ path, type: 'string', value }] : [];
  }
  if (type === 'notebookRef') return fields(path, properties, NOTEBOOK);
  const { commit, currentBranch, repositoryDirty, remotes } = properties;
  const rows = fields(path, typeof commit === 'object' && commit !== null ? (commit as Properties) : {}, GIT_COMMIT);
  rows.push(
    ...fields(path, { currentBranch, repositoryDirty }, [
      ['currentBranch', 'branch'],
      ['repositoryDirty', 'dirty'],
    ]),
  );
  if (Array.isArray(remotes)) {
    const value = remotes.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
    rows.push({ path: `${path}/remotes`, type: 'string_set', value });
  }
  return rows;
}

function fields(path: string, properties: Properties, names: [field: string, name: string][]): ScalarRow[] {
  const rows: ScalarRow[] = [];
  for (const [field, name] of names) {
    const value = properties[field];
    const place = `${path}/${name}`;
    const time = /Date$|Created$/.test(field) ? timeOf(value) : undefined;
    if (time !== undefined) rows.push({ path: place, type: 'datetime', value: time });
    else if (typeof value === 'string') rows.push({ path: place, type: 'string', value });
    else if (typeof value === 'boolean') rows.push({ path: place, type: 'bool', value });
  }
  return rows;
}
