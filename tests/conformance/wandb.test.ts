// Weights & Biases passes the suite of targets, on an emulated server that W&B's own client passes.

import { targetSuite } from './target-suite.ts';
import { kit } from './wandb-kit.ts';

targetSuite(kit);
