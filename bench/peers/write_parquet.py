"""The peer of the parquet writer: the same rows with pyarrow at its defaults, on one core. Prints JSON."""

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

part, rounds = sys.argv[1], int(sys.argv[2])
pa.set_cpu_count(1)
table = pq.read_table(part)
copy = Path(part + ".copy")
speeds = []
for _ in range(rounds + 1):
    started = time.process_time()
    pq.write_table(table, copy)
    speeds.append(len(table) / 1e6 / (time.process_time() - started))
print(json.dumps({"perSecond": speeds[1:], "bytes": copy.stat().st_size}))
