// A small Neptune 2 with a model registry, of which every option of the command line selects another part.

import { seriesOf } from '../../src/demo/dataset.ts';
import {
  attribute2,
  contentOf,
  type DataSet2,
  type DemoAttribute2,
  type DemoContainer,
} from '../../src/demo/neptune2/dataset.ts';

export const START = Date.UTC(2022, 4, 1);
export const DAY = 86_400_000;
export const BIG_FILE = 300_000;

const { bool, datetime, file, fileSet, float, floats, int, string, strings, stringSet } = attribute2;

interface Facts {
  id: string;
  /** Days after `START`. */
  day: number;
  tags?: string[];
  trashed?: boolean;
  /** Only versions of models. */
  modelId?: string;
}

/** Something with all classes of data in it; its weights are bigger than any other file. */
function container({ id, day, tags = [], trashed = false, modelId }: Facts): DemoContainer {
  const created = START + day * DAY;
  const points = [0, 1, 2].map((step) => [step, created + step * 1000, day + step / 8] as const);
  const attributes: Record<string, DemoAttribute2> = {
    'sys/id': string(id),
    'sys/name': string(`name of ${id}`),
    'sys/trashed': bool(trashed),
    'sys/creation_time': datetime(created),
    'sys/modification_time': datetime(created + DAY / 2),
    'sys/tags': stringSet(tags),
    'config/learning_rate': float(0.001 * (day + 1)),
    'config/layers': int(day),
    'metrics/accuracy': floats(seriesOf(points)),
    'metrics/loss': floats(seriesOf(points)),
    'monitoring/cpu': floats(seriesOf(points)),
    'logs/stdout': strings(seriesOf([[0, created, `${id} started`]])),
    'files/notes': file('notes.txt', `notes of ${id}`),
    'files/weights': file('weights.bin', contentOf(new Uint8Array(BIG_FILE).fill(day))),
    'source/files': fileSet({ 'train.py': `# ${id}\n` }),
    ...(modelId === undefined ? {} : { 'sys/model_id': string(modelId), 'sys/stage': string('staging') }),
  };
  return { attributes: new Map(Object.entries(attributes)) };
}

/**
 * Three projects. `my-org/my-project` has runs PRJ-1 to PRJ-3 and PRJ-12, of days 0, 1, 2 and 9, and PRJ-4, which is in the
 * trash; models PRJ-A (day 0, versions 1 and 2, and 3 in the trash), PRJ-B (day 5, version 1) and PRJ-OLD, which is in
 * the trash with its version. `my-org/other` has a run and a model without versions, `my-org/empty` nothing.
 */
export function neptune2Data(): DataSet2 {
  return {
    projects: [
      {
        path: 'my-org/my-project',
        key: 'PRJ',
        runs: [
          container({ id: 'PRJ-1', day: 0, tags: ['best'] }),
          container({ id: 'PRJ-2', day: 1 }),
          container({ id: 'PRJ-3', day: 2, tags: ['best', 'last'] }),
          container({ id: 'PRJ-12', day: 9 }),
          container({ id: 'PRJ-4', day: 3, trashed: true, tags: ['best'] }),
        ],
        models: [
          container({ id: 'PRJ-A', day: 0, tags: ['best'] }),
          container({ id: 'PRJ-B', day: 5 }),
          container({ id: 'PRJ-OLD', day: 6, tags: ['best'], trashed: true }),
        ],
        modelVersions: [
          container({ id: 'PRJ-A-1', day: 1, modelId: 'PRJ-A' }),
          container({ id: 'PRJ-A-2', day: 2, modelId: 'PRJ-A' }),
          container({ id: 'PRJ-A-3', day: 3, modelId: 'PRJ-A', trashed: true }),
          container({ id: 'PRJ-B-1', day: 6, modelId: 'PRJ-B' }),
          container({ id: 'PRJ-OLD-1', day: 7, modelId: 'PRJ-OLD', trashed: true }),
        ],
      },
      {
        path: 'my-org/other',
        key: 'OTH',
        runs: [container({ id: 'OTH-1', day: 0 })],
        models: [container({ id: 'OTH-M', day: 0 })],
      },
      { path: 'my-org/empty', key: 'EMP', runs: [] },
    ],
  };
}
