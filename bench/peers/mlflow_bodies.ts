// What a MLflow server can take: bodies of `log-batch` that are ready before the first is sent, several at a time.

import { timeAt, valueAt } from '../batches.ts';

const BATCH = 1000;
const SIDE_BY_SIDE = 4;

const [url = '', name = '', series = '0', points = '0'] = process.argv.slice(2);

async function post(path: string, body: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const { experiment_id } = (await post('experiments/create', JSON.stringify({ name }))) as { experiment_id: string };
const made = (await post('runs/create', JSON.stringify({ experiment_id, start_time: 0 }))) as {
  run: { info: { run_id: string } };
};
const bodies: string[] = [];
for (let one = 0; one < Number(series); one++) {
  for (let first = 0; first < Number(points); first += BATCH) {
    const metrics = Array.from({ length: Math.min(BATCH, Number(points) - first) }, (_, i) => ({
      key: `metrics/m${one}`,
      value: valueAt(one, first + i),
      timestamp: timeAt(one, first + i),
      step: first + i,
    }));
    bodies.push(JSON.stringify({ run_id: made.run.info.run_id, metrics }));
  }
}
const send = async () => {
  for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) await post('runs/log-batch', body);
};
await Promise.all(Array.from({ length: SIDE_BY_SIDE }, send));
