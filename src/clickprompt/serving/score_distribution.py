"""How scores are spread, as a Prometheus histogram that takes many at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

EDGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 11)))
"""Upper edges of the buckets, finer where click-through rates lie."""


class ScoreDistribution(Collector):
    """`clickprompt_score{model, version}`: probabilities answered.

    prometheus_client's own histogram takes one number at a time, 1 µs each, and a request brings hundreds.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._spread: dict[tuple[str, str], _Spread] = {}
        registry.register(self)

    def add(self, model: str, version: str, probability: np.ndarray) -> None:
        """Count these probabilities, float32 (rows,)."""
        spread = self._spread.get((model, version))
        if spread is None:
            spread = self._spread.setdefault((model, version), _Spread())
        spread.add(probability)

    def remove(self, model: str, version: str) -> None:
        """Forget a version that is no longer served."""
        self._spread.pop((model, version), None)

    def collect(self) -> Iterable[Metric]:
        """The histogram as Prometheus wants it, buckets cumulated."""
        family = HistogramMetricFamily("clickprompt_score", "Probabilities answered.", labels=("model", "version"))
        for labels, spread in sorted(self._spread.items()):
            family.add_metric(labels, list(spread.buckets()), spread.total)
        yield family


class _Spread:
    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES) + 1)
        self.total = 0.0

    def add(self, probability: np.ndarray) -> None:
        if len(probability) == 1:  # the usual case, and four times as fast
            value = float(probability[0])
            self.counts[bisect_left(EDGES, value)] += 1
            self.total += value
            return
        places = np.searchsorted(EDGES, probability, side="left")
        for place, count in enumerate(np.bincount(places, minlength=len(self.counts)).tolist()):
            self.counts[place] += count
        self.total += float(probability.sum(dtype=np.float64))

    def buckets(self) -> Iterator[tuple[str, float]]:
        below = 0
        for edge, count in zip((*map(str, EDGES), "+Inf"), list(self.counts), strict=True):
            below += count
            yield edge, below
