// The example of a target passes the suite of targets.

import { kit } from './memory/kit.ts';
import { targetSuite } from './target-suite.ts';

targetSuite(kit);
