// One suite that every target passes, on its real server or emulator. docs/adding-a-target.md says how to join it.

import { after, before, suite as group, type TestContext, test } from 'node:test';
import { againTests } from './target-again.ts';
import { TargetBench } from './target-bench.ts';
import { contentTests } from './target-content.ts';
import { faultTests } from './target-faults.ts';
import type { TargetKit } from './target-kit.ts';
import { lackingTests } from './target-lacking.ts';
import { planTests } from './target-plan.ts';

/** What the tests of the suite share: one server for all, a folder and a prefix for each. */
export interface TargetSuite {
  kit: TargetKit;
  /** Address of the server; there once tests run. */
  readonly url: string;
  /** Registers a test. @param prefix of its own at the server */
  test(prefix: string, name: string, run: (t: TestContext, bench: TargetBench) => Promise<void>): void;
}

/** Tests under way at once, each with a prefix of its own. */
const AT_ONCE = 3;

/** Registers the tests of one target. */
export function targetSuite(kit: TargetKit): void {
  let server: Awaited<ReturnType<TargetKit['start']>> | undefined;
  before(async () => {
    server = await kit.start();
  });
  after(() => server?.stop());
  const suite: TargetSuite = {
    kit,
    get url() {
      return server?.url ?? '';
    },
    test(prefix, name, run) {
      test(name, async (t) => run(t, await TargetBench.create(t, kit, suite.url, prefix)));
    },
  };
  // Most of the time is waiting: for the server, for what was told to wait.
  group(kit.name, { concurrency: AT_ONCE }, () => {
    planTests(suite);
    contentTests(suite);
    lackingTests(suite);
    againTests(suite);
    faultTests(suite);
  });
}
