// Loads an archive into MLflow, to be killed at it. usage: DATA FILES URL PREFIX

import { openArchive } from '../../src/archive/reader.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { loadArchive } from '../../src/transfer/load.ts';

const [data = '', filesPath = '', mlflowTrackingUri = '', namePrefix = ''] = process.argv.slice(2);
const target = await createTarget('mlflow', { mlflowTrackingUri, namePrefix }, {});
const archive = await openArchive(data);
await loadArchive({ archive, filesPath, target, stepMultiplier: 1n, concurrency: 2 });
await target.close();
