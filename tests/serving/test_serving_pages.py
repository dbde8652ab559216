"""What the pages on serving and monitoring show is what the server does."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
import yaml
from server_thread import Served, Shop, serving

from clickprompt.cli import app
from clickprompt.serving.repository import Change
from clickprompt.testing.bundles import write_tiny_bundle

ROOT = Path(__file__).parents[2]
SERVING, MONITORING = ROOT / "docs" / "serving.md", ROOT / "docs" / "monitoring.md"
MODEL = "clickprompt-without-lm"
SIDES = dict.fromkeys(["User ID", "Gender", "Age", "Occupation", "Zipcode"], "user")
SIDES |= dict.fromkeys(["Movie ID", "Movie title", "Movie genre"], "item")
OTHERS = {"--no-cache-dir", "--property", "--value", "--bundle"}
"""Options that the pages name of other commands than `clickprompt serve`."""


class OneModel(Shop):
    """A repository of one model, whatever it is asked for."""

    def find(self, name=None, version=None):
        assert name in (None, MODEL)
        return self.model


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Served]:
    """A server of a model with the fields of MovieLens-100K, which the pages ask about."""
    folder = tmp_path_factory.mktemp("films")
    with (folder / "films.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*SIDES, "clicked"])
        writer.writerows([*(f"{name} {row % 7}" for name in SIDES), row % 2] for row in range(60))
    fields = [{"name": name, "side": side} for name, side in SIDES.items()]
    source = {"kind": "files", "path": str(folder / "films.csv"), "fields": fields, "label": "clicked"}
    repository = OneModel(write_tiny_bundle(folder / MODEL, {"source": source, "split": {"order": "shuffle"}}))
    repository.model = replace(repository.model, name=MODEL, version="1")
    with serving(repository) as served:
        yield served


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_python_client_of_the_page_runs(server):
    (client,) = blocks(SERVING, "python")
    names: dict = {}
    exec(compile(client.replace("8000", str(server.port)), "docs", "exec", dont_inherit=True), names)
    names["connection"].close()
    assert {film for _, film in names["ranked"]} == {"Toy Story", "Heat"}
    assert all(0 < score < 1 for score, _ in names["ranked"])


def test_requests_of_the_page_are_answered_as_it_shows(server):
    shown = re.findall(r"\$ curl -s localhost:8000(\S+) -d '(.*?)'\n(\{[^\n]*\})\n", SERVING.read_text(), re.DOTALL)
    assert [path for path, _, _ in shown] == ["/v1/score", f"/v2/models/{MODEL}/infer"]
    for path, body, answer in shown:
        status, content, _ = server.ask(path, body)
        assert status == 200
        assert _shape(content) == _shape(json.loads(answer))


def test_errors_of_the_page_are_the_servers(server):
    status, content, _ = server.ask("/v1/score", {"candidates": [{"Movie titel": "Toy Story"}]})
    assert status == 400
    assert f"`{content['error']}`" in SERVING.read_text()


@pytest.mark.parametrize("page", [SERVING, MONITORING], ids=lambda page: page.name)
def test_options_of_the_pages_are_options_of_serve(page):
    serve = typer.main.get_command(app).commands["serve"]
    known = {name for option in serve.params for name in (*option.opts, *option.secondary_opts)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text()))
    assert named
    assert named <= known | OTHERS


def test_every_metric_is_on_the_page_and_every_one_on_the_page_exists(server):
    server.ask("/v1/score", {"candidates": [{"Movie title": "never met"}, {"Movie title": 3}]})
    server.ask("/v1/score", "no JSON")
    for what in ("loaded", "failed"):
        server.metrics.changed(Change(what, MODEL, "1", ""))
    families = list(server.metrics.registry.collect())
    samples = {sample.name for family in families for sample in family.samples} - {"clickprompt_score"}
    named = set(re.findall(r"\b(?:clickprompt|process)_[a-z_]+\b", MONITORING.read_text()))
    assert named <= samples | {family.name for family in families}
    for family in families:
        if family.name.startswith("clickprompt"):
            assert any(name.startswith(family.name) for name in named), family.name
    text = "".join(path.read_text() for path in (ROOT / "src" / "clickprompt" / "serving").glob("*.py"))
    for reasons in re.findall(r'reason=~"(.*?)"', MONITORING.read_text()):
        assert all(f'"{reason}"' in text for reason in reasons.split("|"))


def test_yaml_of_the_pages_is_yaml():
    (pod,) = (yaml.safe_load(block) for block in blocks(SERVING, "yaml"))
    scrape, rules = (yaml.safe_load(block) for block in blocks(MONITORING, "yaml"))
    assert pod["containers"][0]["args"][:2] == ["clickprompt", "serve"]
    assert scrape["scrape_configs"]
    assert all({"alert", "expr"} <= rule.keys() for rule in rules["groups"][0]["rules"])


def _shape(value):
    """Keys and kinds of an answer, whatever the numbers."""
    if isinstance(value, dict):
        return {key: _shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_shape(part) for part in value]
    return type(value).__name__ if isinstance(value, float) else value
