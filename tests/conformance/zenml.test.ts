// The suite of targets on a real ZenML server.

import { targetSuite } from './target-suite.ts';
import { kit } from './zenml-kit.ts';

targetSuite(kit);
