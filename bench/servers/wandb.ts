// The emulated W&B server of the tests, in a process of its own.

import { startWandbServer } from '../../tests/counterparts/wandb/server.ts';
import { report, sum } from './report.ts';

const { url, apiKey, requests } = await startWandbServer();
report({ url, token: apiKey }, () => sum(requests));
