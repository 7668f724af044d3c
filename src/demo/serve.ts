// Command line of the demo servers: prints address, token and project as a line of JSON, and runs until it is interrupted.

import { parseArgs } from 'node:util';
import { sampleServer } from './sample-server.ts';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, exporter: { type: 'string', default: 'neptune3' } },
});
const version = values.exporter;
if (version !== 'neptune2' && version !== 'neptune3') throw new Error('--exporter must be neptune2 or neptune3');
const { url, token, project, close } = await sampleServer(version, Number(values.port));
process.stdout.write(`${JSON.stringify({ url, token, project })}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void close());
