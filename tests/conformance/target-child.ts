// Loads an archive into a target, to be killed at it. usage: MODULE-OF-THE-KIT URL PREFIX DATA FILES

import { pathToFileURL } from 'node:url';
import { openArchive } from '../../src/archive/reader.ts';
import { loadArchive } from '../../src/transfer/load.ts';
import type { TargetKit } from './target-kit.ts';

const [module = '', url = '', prefix = '', data = '', filesPath = ''] = process.argv.slice(2);
const { kit } = (await import(pathToFileURL(module).href)) as { kit: TargetKit };
const target = await kit.target(url, prefix);
const archive = await openArchive(data);
await loadArchive({ archive, filesPath, target, stepMultiplier: 1n, concurrency: 2 });
await target.close();
