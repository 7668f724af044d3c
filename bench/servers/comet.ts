// The emulated Comet server of the tests, in a process of its own.

import { startCometServer } from '../../tests/counterparts/comet/server.ts';
import { report } from './report.ts';

const { url, apiKey, requests } = await startCometServer();
report({ url, token: apiKey }, () => requests.length);
