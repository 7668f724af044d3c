// Comet passes the suite of targets, on an emulator that Comet's own SDK passes.

import { kit } from './comet-kit.ts';
import { targetSuite } from './target-suite.ts';

targetSuite(kit);
