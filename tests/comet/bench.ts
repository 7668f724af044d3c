// A Comet server of a test's own, and an archive to load into it.

import type { TestContext } from 'node:test';
import { kit } from '../conformance/comet-kit.ts';
import { TargetBench } from '../conformance/target-bench.ts';
import type { HeldExperiment } from '../counterparts/comet/held.ts';
import { type CometServer, type CometServerOptions, startCometServer } from '../counterparts/comet/server.ts';

export const PREFIX = 'load';
/** Of `ws/proj` with the prefix. */
export const PROJECT_NAME = 'load_ws_proj';

export interface CometBench {
  server: CometServer;
  bench: TargetBench;
  /** The experiments that anybody sees, by name. */
  experiments(): Map<string, HeldExperiment>;
}

export async function cometBench(t: TestContext, options: CometServerOptions = {}): Promise<CometBench> {
  const server = await startCometServer(options);
  t.after(() => server.close());
  return {
    server,
    bench: await TargetBench.create(t, kit, server.url, PREFIX),
    experiments: () =>
      new Map(
        server
          .experiments(PROJECT_NAME)
          .filter(({ archived }) => !archived)
          .map((experiment) => [experiment.name, experiment]),
      ),
  };
}

/** Points of a metric in the order of their steps. */
export function pointsOf(experiment: HeldExperiment, name: string): [unknown, unknown, unknown][] {
  const points = experiment.metrics[name]?.points() ?? [];
  return points
    .map(({ step, timestamp, value }): [unknown, unknown, unknown] => [step, timestamp, value])
    .sort(([left], [right]) => Number(left) - Number(right));
}

/** The assets of a name, in the order of their steps. */
export function assetsOf({ assets }: HeldExperiment, name: string) {
  return assets.filter((asset) => asset.name === name).sort((left, right) => Number(left.step) - Number(right.step));
}
