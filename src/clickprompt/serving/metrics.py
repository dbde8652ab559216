"""What Prometheus is told: requests, rows, values not seen in training, scores, models."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from clickprompt import __version__
from clickprompt.serving.repository import Change
from clickprompt.serving.score_distribution import ScoreDistribution
from clickprompt.serving.scorer import Scored
from clickprompt.serving.served_model import ServedModel

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RUN_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
_CLASSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx")
RUN_REQUESTS = (1, 2, 5, 10, 20, 50, 100)


class Metrics:
    """All metrics of one server, in a registry of its own.

    Labels have few values: routes and reasons are the server's own, models and fields those that are served. Series of
    a version go when it is dropped.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # when each series began: a third of the page, and Prometheus does not need it
        self.registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "clickprompt_request_seconds",
            "Seconds from a request's headers to the end of its answer.",
            ("route", "model", "status"),
            buckets=SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge("clickprompt_requests_in_flight", "Requests not answered yet.", registry=registry)
        self.waiting = Gauge("clickprompt_requests_waiting", "Requests whose rows wait for scores.", registry=registry)
        self._refused = Counter("clickprompt_refused", "Requests refused, by reason.", ("reason",), registry=registry)
        version = ("model", "version")
        self._rows = Counter("clickprompt_rows", "Rows scored.", version, registry=registry)
        self._unseen = Counter(
            "clickprompt_unseen_rows",
            "Rows scored whose value (an item of whose list) of the field is not in the vocabulary.",
            (*version, "field"),
            registry=registry,
        )
        self._scores = ScoreDistribution(registry)
        self._run_rows = Histogram(
            "clickprompt_run_rows", "Rows of a run of the model.", ("model",), buckets=RUN_ROWS, registry=registry
        )
        self._run_requests = Histogram(
            "clickprompt_run_requests",
            "Requests that shared a run of the model.",
            ("model",),
            buckets=RUN_REQUESTS,
            registry=registry,
        )
        self._run_seconds = Counter(
            "clickprompt_run_seconds", "Seconds that threads spent in runs of the model.", ("model",), registry=registry
        )
        self._model = Gauge("clickprompt_model_info", "1 for each version that is served.", version, registry=registry)
        self._loads = Counter("clickprompt_loads", "Versions loaded.", ("model",), registry=registry)
        self._failures = Counter(
            "clickprompt_load_failures", "Versions that could not be loaded.", ("model",), registry=registry
        )
        self._last_load = Gauge(
            "clickprompt_last_load_timestamp_seconds", "Unix time when a version was last loaded.", registry=registry
        )
        build = Gauge("clickprompt_build_info", "1, and the library's version.", ("version",), registry=registry)
        build.labels(__version__).set(1)
        ProcessCollector(registry=registry)
        self._kept: dict[tuple[Any, ...], Any] = {}
        """Series by their labels: looking them up here takes a third of the time."""
        self._dropped: set[tuple[str, str]] = set()
        """Versions that answer only requests which came before they went: these are not counted any more."""

    def answered(self, route: str, model: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._series(self._seconds, route, model, _CLASSES[status // 100]).observe(seconds)

    def refused(self, reason: str) -> None:
        """A request was refused, for one of the server's own reasons."""
        self._refused.labels(reason).inc()

    def scored(self, model: ServedModel, scored: Scored) -> None:
        """Rows were scored for a request."""
        name, version = model.name, model.version
        if (name, version) in self._dropped:
            return
        self._series(self._rows, name, version).inc(len(scored.probability))
        self._scores.add(name, version, scored.probability)
        for field, count in scored.unseen.items():
            self._series(self._unseen, name, version, field).inc(count)

    def ran(self, model: ServedModel, requests: int, rows: int, seconds: float) -> None:
        """A thread scored the rows of some requests in one go."""
        self._series(self._run_rows, model.name).observe(rows)
        self._series(self._run_requests, model.name).observe(requests)
        self._series(self._run_seconds, model.name).inc(seconds)

    def changed(self, change: Change) -> None:
        """A version was loaded or dropped, or could not be loaded."""
        name, version = change.name, change.version
        if change.what == "failed":
            self._failures.labels(name).inc()
        if change.what == "loaded":
            self._loads.labels(name).inc()
            self._last_load.set(time.time())
            self._model.labels(name, version).set(1)
            self._dropped.discard((name, version))
        if change.what == "dropped":
            self._dropped.add((name, version))
            self._model.remove(name, version)
            for metric, *labels in self._kept.copy():
                if labels[:2] == [name, version]:
                    del self._kept[metric, *labels]
                    metric.remove(*labels)
            self._scores.remove(name, version)

    def _series(self, metric: Any, *labels: str) -> Any:
        key = (metric, *labels)
        series = self._kept.get(key)
        if series is None:
            series = self._kept[key] = metric.labels(*labels)
        return series

    def page(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
