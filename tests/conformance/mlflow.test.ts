// MLflow passes the suite of targets, on a real server with a database.

import { kit } from './mlflow-kit.ts';
import { targetSuite } from './target-suite.ts';

targetSuite(kit);
