// Command line of the demo server: prints its address, token and project as a line of JSON, and runs until it is interrupted.

import { parseArgs } from 'node:util';
import { SAMPLE_PROJECT, sampleProject } from './sample-project.ts';
import { startDemoServer } from './server.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
const server = await startDemoServer({ data: sampleProject(), port: Number(values.port) });
process.stdout.write(`${JSON.stringify({ url: server.url, token: server.token, project: SAMPLE_PROJECT })}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
