// What the emulator holds of an experiment, in plain form, for tests to compare with.

import { createHash } from 'node:crypto';
import type { Asset } from './assets.ts';
import type { JsonObject, Whole } from './json.ts';
import type { ParamValue, PlainValue } from './limits.ts';
import type { Point } from './series.ts';
import type { Experiment, OutputLine } from './store.ts';

export interface HeldMetric {
  /** How many values came, however many are read back. */
  count: number;
  context: string | null;
  /** All of them, in the order in which they came; made when it is asked for. */
  points(): Point[];
}

export interface HeldAsset {
  id: string;
  name: string;
  /** `image` for images, however they came. */
  type: string;
  step: Whole | null;
  epoch: Whole | null;
  context: string | null;
  extension: string | null;
  groupingName: string | null;
  metadata: JsonObject | null;
  bytes: Buffer;
  sha256: string;
  link: string | null;
}

export interface HeldExperiment {
  key: string;
  name: string;
  workspace: string;
  project: string;
  offline: boolean;
  /** Values as they came; unsafe whole numbers are bigint. */
  params: Record<string, ParamValue>;
  others: Record<string, PlainValue>;
  tags: string[];
  metrics: Record<string, HeldMetric>;
  assets: HeldAsset[];
  output: readonly OutputLine[];
  html: string;
  graph: string | null;
  code: string | null;
  filePath: string | null;
  system: JsonObject;
  git: JsonObject | null;
  dependencies: readonly JsonObject[];
  /** ms */
  startTime: number;
  endTime: number | null;
  running: boolean;
  crashed: boolean;
  error: string | null;
  archived: boolean;
  throttled: boolean;
  /** How often it was asked for again by its key. */
  resumed: number;
}

export function heldExperiment(experiment: Experiment): HeldExperiment {
  const { key, name, project, offline, output, html, graph, code, filePath, system, git, dependencies } = experiment;
  const { startTime, endTime, running, crashed, error, archived, throttled, resumed } = experiment;
  const metrics = [...experiment.metrics].map(([metric, series]) => {
    const held: HeldMetric = {
      count: series.length,
      context: series.context,
      points: () => [...series.points()],
    };
    return [metric, held] as const;
  });
  return {
    ...{ key, name, workspace: project.workspace, project: project.name, offline },
    params: Object.fromEntries([...experiment.params].map(([param, { value }]) => [param, value])),
    others: Object.fromEntries([...experiment.others].map(([other, { value }]) => [other, value])),
    tags: [...experiment.tags],
    metrics: Object.fromEntries(metrics),
    assets: experiment.assets.all().map(heldAsset),
    ...{ output, html, graph, code, filePath, system, git, dependencies },
    ...{ startTime, endTime, running, crashed, error, archived, throttled, resumed },
  };
}

function heldAsset({ createdAt: _, metadata, ...asset }: Asset): HeldAsset {
  return {
    ...asset,
    metadata: metadata === null ? null : (JSON.parse(metadata) as JsonObject),
    get sha256() {
      return createHash('sha256').update(asset.bytes).digest('hex');
    },
  };
}
