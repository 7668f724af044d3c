"""Runs a command and prints what it took, as the operating system counted it: JSON on the last line."""

import json
import resource
import subprocess
import sys
import time

started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
seconds = time.perf_counter() - started
if done.returncode != 0:
    sys.exit(f"{sys.argv[1:]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
used = resource.getrusage(resource.RUSAGE_CHILDREN)
# Linux counts KiB, macOS bytes. The largest process, not the sum of them.
peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": peak}))
