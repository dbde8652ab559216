"""The report is one safe, well-formed page that shows what is known and leaves out what is not."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from clickprompt.evaluation import cold_and_warm, evaluate_scores, probabilities_of
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.report import (
    Comparison,
    DataSummary,
    FieldSummary,
    ModelScores,
    ReportData,
    SplitSummary,
    render_report,
    write_report,
)
from clickprompt.workflows.report_formats import duration, fixed, p_value, percent, signed, size
from clickprompt.workflows.report_tables import result_tables

EVIL = '<script>alert("&")</script>'
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Checks that tags nest, and gathers ids, references, links, headings and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.references, self.text = [], [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "action", "srcset"):
                self.links.append(value)
            self.references += re.findall(r"url\(#([^)]*)\)", value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=3000)
    labels = generator.random(3000) < probabilities_of(truth)
    users = generator.integers(0, 100, 3000)
    results, scores, history = [], [], []
    for place, model in enumerate(("DCNv2", "ClickPrompt", EVIL)):
        for split in ("validation", "test"):
            for seed in (1, 2):
                logits = truth + generator.normal(scale=1.5 - place / 2, size=3000)
                measures = evaluate_scores(labels, logits, groups=users, slices=cold_and_warm("users", users % 9))
                record = {"model": model, "split": split, "seed": seed, "train_seconds": 75.0, "parameters": 1_234_567}
                results.append(record | {"bundle_bytes": 4_900_000, "rows_per_second": 123_456} | measures.to_record())
        scores.append(ModelScores(model, labels, probabilities_of(logits)))
        history += [
            {"model": model, "phase": "pretrain", "step": step, "train_loss": 5 / (1 + step), "validation_auc": None}
            for step in range(2000)
        ]
        history += [{"model": model, "phase": "finetune", "step": 10 * n, "validation_auc": 0.7} for n in range(3)]
    return ReportData(
        title=f"Title {EVIL}",
        recipe=f"seed: 1  # {EVIL}",
        data=DataSummary(
            splits=[SplitSummary("train", 24_000, 9_000), SplitSummary("test", 3_000, 0)],
            fields=[FieldSummary(EVIL, "text", "item", 1_000, 1_234, 0.626, 0.106)],
            sentences=[f"Movie title is {EVIL}."],
        ),
        history=history,
        results=results,
        comparisons=[Comparison("ClickPrompt", "DCNv2", -0.0123, -0.0154, 0.00004, -0.02, 0.001, 0.06, seed=1)],
        scores=scores,
        environment={"torch": "9.9.9", EVIL: EVIL},
    )


@pytest.fixture(scope="module")
def html(report):
    return render_report(report)


SECTIONS = ["results", "comparisons", "slices", "curves", "learning", "data", "sizes", "making"]


def sections(html):
    return re.findall(r'<section id="([a-z]+)">', html)


def test_is_well_formed_and_refers_to_nothing_outside(html):
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert all(link.startswith("#") for link in page.links)
    assert "http" not in html
    assert "@import" not in html
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert len(html.encode()) < 2_000_000


def test_ids_are_unique_and_every_reference_is_met(html):
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    inside = {link[1:] for link in page.links} | set(page.references)
    assert inside
    assert inside <= set(page.ids)


def test_everything_is_escaped(html):
    assert "<script" not in html
    shown = "".join(Page(html).text)
    # Title twice, recipe, field, sentence, environment (both sides), and the model wherever it is named.
    assert shown.count(EVIL) > 10


def test_all_sections_are_there(html):
    assert sections(html) == SECTIONS
    assert html.count('role="img"') == 4


def test_numbers_are_those_of_the_records(report, html):
    shown = "".join(Page(html).text)
    test_auc = np.array([r["auc"] for r in report.results if r["split"] == "test" and r["model"] == "ClickPrompt"])
    base_auc = np.array([r["auc"] for r in report.results if r["split"] == "test" and r["model"] == "DCNv2"])
    assert f"{test_auc.mean():.4f} ± {test_auc.std(ddof=1):.4f}" in shown
    assert f"+{100 * (test_auc.mean() / base_auc.mean() - 1):.2f} %" in shown
    for text in ("−0.0123", "−1.54 %", "−0.0200 to +0.0010", "< 0.001", "62.6 %", "4.9 MB", "1 min 15 s", "123,456"):
        assert text in shown
    cold = next(s for s in report.results[2]["slices"] if s["name"] == "cold users")
    assert f"{cold['rows']:,}" in shown


def test_plots_take_their_colours_from_the_page(html):
    for svg in re.findall(r'<svg viewBox="[^"]*" role="img".*?</svg>', html, flags=re.DOTALL):
        assert "var(--series-" in svg
        assert "var(--soft)" in svg
        assert "#0a0" not in svg
        assert "metadata" not in svg


def test_raw_rows_do_not_reach_the_file(report, html):
    longest = max(len(re.findall(r"[ML] ", path)) for path in re.findall(r' d="([^"]*)"', html))
    assert 100 < longest <= 500
    rows = 30 * len(report.scores[0].labels)
    many = [ModelScores(s.model, np.tile(s.labels, 30), np.tile(s.probabilities, 30)) for s in report.scores]
    assert len(many[0].labels) == rows
    assert len(render_report(replace(report, scores=many))) < 1.05 * len(html)


def test_same_data_same_bytes(report, html):
    assert render_report(report) == html


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"results": []}, {"results", "slices", "sizes"}),
        ({"comparisons": []}, {"comparisons"}),
        ({"scores": []}, {"curves"}),
        ({"history": []}, {"learning"}),
        ({"data": None}, {"data"}),
    ],
)
def test_what_is_missing_is_left_out(report, change, gone):
    html = render_report(replace(report, **change))
    Page(html)
    assert sections(html) == [name for name in SECTIONS if name not in gone]


def test_without_pretraining_only_the_validation_curve(report):
    history = [row for row in report.history if row["phase"] == "finetune"]
    html = render_report(replace(report, history=history, scores=[]))
    assert html.count('role="img"') == 1
    assert "Pretraining loss" not in html


def test_records_may_hold_no_more_than_auc():
    html = render_report(ReportData("t", "r", results=[{"model": "DNN", "split": "test", "rows": 5, "auc": 0.75}]))
    Page(html)
    assert sections(html) == ["results", "making"]
    assert "0.7500" in html
    Page(render_report(ReportData("nothing but a title", "seed: 1")))


def test_the_base_model_has_no_improvement_over_itself(report):
    table = result_tables(report.results, report.comparisons)[0]
    assert table.split == "test"
    assert table.models[0].relative_improvement is None
    assert table.models[1].relative_improvement > 0
    assert table.best.model == EVIL


def test_writes_one_file_and_says_where_it_could_not(report, html, tmp_path):
    write_report(tmp_path / "out" / "report.html", report)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["report.html"]
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == html
    (tmp_path / "file").write_text("")
    with pytest.raises(ClickPromptError, match="file"):
        write_report(tmp_path / "file" / "report.html", report)


def test_formats():
    assert [size(n) for n in (0, 999, 1000, 1_234_567, 5e9, None)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "5.0 GB",
        "–",
    ]
    assert [duration(s) for s in (12.34, 59.99, 754, 7300, None)] == [
        "12.3 s",
        "1 min 0 s",
        "12 min 34 s",
        "2 h 1 min",
        "–",
    ]
    assert [p_value(p) for p in (0.0004, 0.001, 0.25, 0, None)] == ["< 0.001", "0.001", "0.250", "< 0.001", "–"]
    assert (fixed(-0.5, 2), signed(-0.00321), percent(0.1234)) == ("−0.50", "−0.0032", "12.3 %")
