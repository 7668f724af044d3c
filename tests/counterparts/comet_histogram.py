"""What Comet's own Histogram says: the bins of values, and what it reads of histograms that were made elsewhere.

Usage: comet_histogram.py FOLDER JSON with `values`, numbers, and `histograms`, texts. Prints one JSON object: `bins` of
the values, `borders` of all bins, and of each histogram the `counts` by bin.
"""

import json
import math
import sys

from comet_ml.data_structure import Histogram

asked = json.loads(sys.argv[2])


def bin_of(value):
    histogram = Histogram()
    histogram.add([value])
    return [index for index, count in enumerate(histogram.counts) if count > 0]


def counts_of(text):
    histogram = Histogram.from_json(json.loads(text))
    return {str(index): int(count) for index, count in enumerate(histogram.counts) if count > 0}


print(
    json.dumps(
        {
            "bins": [bin_of(value) for value in asked["values"]],
            "borders": [None if math.isinf(border) else float(border) for border in Histogram().values],
            "counts": [counts_of(text) for text in asked["histograms"]],
        }
    )
)
