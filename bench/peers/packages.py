"""Makes pyarrow importable: it is in one environment, and the clients of Neptune 2, W&B and Comet are in others of the same Python."""

import os
import sys

sys.path.append(os.environ["BENCH_PACKAGES"])
