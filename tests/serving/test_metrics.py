"""Metrics count what happened, and forget versions that are gone."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from server_thread import Shop, serving

from clickprompt.serving.metrics import Metrics
from clickprompt.serving.repository import Change
from clickprompt.serving.score_distribution import EDGES, ScoreDistribution
from clickprompt.serving.scorer import Scored

SHOP = {"model": "shop", "version": "7"}


@pytest.fixture(scope="module")
def server(shop_bundle):
    with serving(Shop(shop_bundle)) as served:
        candidates = [{"item": "i1"}, {"item": "never"}, {"item": "never", "title": "no lamp"}]
        context = {"title": "red lamp 0"}
        answer = served.ask("/v1/score", {"candidates": candidates, "context": context})
        served.scores = answer[1]["scores"]
        served.ask("/v1/score", {"candidates": candidates[:1], "context": context})
        served.ask("/v1/score", {"candidates": [{"price": "x"}]})
        served.ask("/v1/score", {"candidates": [], "model": "made up"})
        served.ask("/v2/models/made-up/ready")
        yield served


def samples(server):
    text = server.ask("/metrics")[1]
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(server, name, **labels):
    return samples(server)[(name, *sorted(labels.items()))]


def test_rows_unseen_values_and_scores_are_counted(server):
    assert value(server, "clickprompt_rows_total", **SHOP) == 4
    assert value(server, "clickprompt_unseen_rows_total", **SHOP, field="item") == 2
    assert value(server, "clickprompt_unseen_rows_total", **SHOP, field="title") == 1
    assert value(server, "clickprompt_score_count", **SHOP) == 4
    assert value(server, "clickprompt_score_sum", **SHOP) == pytest.approx(sum(server.scores) + server.scores[0])


def test_requests_are_counted_by_route_model_and_status(server):
    def count(route, model, status):
        return value(server, "clickprompt_request_seconds_count", route=route, model=model, status=status)

    assert count("/v1/score", "shop", "2xx") == 2
    assert count("/v1/score", "shop", "4xx") == 1
    assert count("/v1/score", "", "4xx") == 1
    assert count("/v2/models/{name}/ready", "", "4xx") == 1
    assert value(server, "clickprompt_refused_total", reason="bad_request") == 1
    assert value(server, "clickprompt_refused_total", reason="unknown_model") == 2


def test_nothing_a_caller_makes_up_becomes_a_label(server):
    server.ask("/made/up")
    assert not [key for key in samples(server) if "made" in str(key)]


def test_runs_and_the_process_are_measured(server):
    assert value(server, "clickprompt_run_rows_sum", model="shop") == 4
    assert value(server, "clickprompt_run_requests_count", model="shop") == 2
    assert value(server, "clickprompt_requests_waiting") == 0
    assert value(server, "clickprompt_requests_in_flight") == 1
    assert value(server, "process_resident_memory_bytes") > 1e7


@pytest.mark.parametrize("sizes", [(1, 1, 1), (700, 1, 300)])
def test_score_buckets_are_those_of_numpy(sizes):
    registry = CollectorRegistry()
    spread = ScoreDistribution(registry)
    parts = [np.random.default_rng(size).beta(0.3, 2.0, size).astype(np.float32) for size in sizes]
    parts.append(np.array([0.0, 1.0], np.float32))
    for part in parts:
        spread.add("m", "1", part)
    together = np.concatenate(parts)
    for edge in EDGES:
        labels = {"model": "m", "version": "1", "le": str(edge)}
        assert registry.get_sample_value("clickprompt_score_bucket", labels) == (together <= edge).sum()
    assert registry.get_sample_value("clickprompt_score_sum", {"model": "m", "version": "1"}) == pytest.approx(
        together.sum(dtype=np.float64)
    )


def test_versions_come_and_go(server):
    metrics = Metrics()
    model = server.server.serving.repository.model
    scored = Scored(np.array([0.5], np.float32), {"item": 1})
    metrics.changed(Change("loaded", "shop", "7", ""))
    metrics.scored(model, scored)
    assert metrics.registry.get_sample_value("clickprompt_model_info", SHOP) == 1
    assert metrics.registry.get_sample_value("clickprompt_last_load_timestamp_seconds") > 1.7e9
    metrics.changed(Change("failed", "shop", "8", ""))
    assert metrics.registry.get_sample_value("clickprompt_load_failures_total", {"model": "shop"}) == 1
    metrics.changed(Change("dropped", "shop", "7", ""))
    page = metrics.page().decode()
    assert 'version="7"' not in page
    metrics.scored(model, scored)  # a request that came before the version went
    assert 'version="7"' not in metrics.page().decode()
    metrics.changed(Change("loaded", "shop", "7", ""))
    metrics.scored(model, scored)
    assert metrics.registry.get_sample_value("clickprompt_rows_total", SHOP) == 1
