// Compares runs of an archive with MLflow one after the other, and tells time and memory of each. usage: DATA FILES URL PREFIX RUN...

import { openArchive } from '../../src/archive/reader.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { isComparable } from '../../src/targets/target.ts';
import { compareWithTarget } from '../../src/transfer/compare-target.ts';

const [data = '', filesPath = '', mlflowTrackingUri = '', namePrefix = '', ...runs] = process.argv.slice(2);
const target = await createTarget('mlflow', { mlflowTrackingUri, namePrefix }, {});
if (!isComparable(target)) throw new Error('MLflow can be compared with');
const archive = await openArchive(data);
const told = [];
for (const run of runs) {
  const problems: string[] = [];
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const started = performance.now();
  const { points } = await compareWithTarget({
    archive,
    filesPath,
    target,
    runs: [run],
    concurrency: 4,
    onProblem: ({ code, attributePath, message }) => problems.push(`${code} ${attributePath}: ${message}`),
    signal: new AbortController().signal,
  });
  clearInterval(sampler);
  told.push({ points, problems, peak, seconds: (performance.now() - started) / 1000 });
}
await target.close();
console.log(JSON.stringify(told));
