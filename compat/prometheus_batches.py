"""Many observations of a Prometheus histogram written at once, which prometheus_client 0.26 offers no way for.

Each observation writes twice to a file that all processes share; at the rate of answers from memory that costs more
than all else that is done for them.
"""

from collections.abc import Sequence

import numpy as np
from prometheus_client import Histogram


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe each of `values`.

    Raises:
        RuntimeError: this release of prometheus_client keeps its buckets elsewhere.
    """
    try:
        bounds, buckets, total = histogram._upper_bounds, histogram._buckets, histogram._sum  # noqa: SLF001
    except AttributeError:
        raise RuntimeError(
            "prometheus_client's histograms have no buckets and sum any more; compat/prometheus_batches.py uses them"
        ) from None
    counts = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds))
    for bucket, count in zip(buckets, counts.tolist(), strict=True):
        if count:
            bucket.inc(count)
    total.inc(float(np.sum(values)))
