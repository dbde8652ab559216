"""A study's tables say what the results say: numbers, stars, comparisons, seeds, trials, failures."""

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from clickprompt.evaluation import auc, bootstrap_over_groups, delong_test, log_loss, long_tail
from clickprompt.workflows.study.config import Study
from clickprompt.workflows.study.entries import LONG_TAIL
from clickprompt.workflows.study.scores import Scores
from clickprompt.workflows.study.tables import write_tables

SEEDS = (1, 2, 3)
DATA_SETS = ("MovieLens-1M", "Toys | <b>")
METHODS = {"DCNv2": "id-only", "ClickPrompt": "clickprompt-with-lm", "Masked *fields*": "masked-field"}
SKILL = {"DCNv2": 1.6, "ClickPrompt": 1.0, "Masked *fields*": 1.55}


@dataclass
class Made:
    """A study with results drawn at random, and what was asked of their scores."""

    study: Study
    rows: list = field(default_factory=list)
    cells: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)

    def scores(self, row):
        self.asked.append(row["run"])
        return self.cells[row["run"]]

    def write(self, folder, rows=None, **settings):
        self.asked.clear()
        frame = pl.DataFrame(self.rows if rows is None else rows, infer_schema_length=None)
        write_tables(folder, self.study, frame, self.scores, samples=60, **settings)
        return (folder / "tables.md").read_text(), (folder / "tables.html").read_text()

    def of(self, data_set, method, part="all"):
        keys = ("data_set", "method", "slice", "phase")
        return [row for row in self.rows if tuple(row[key] for key in keys) == (data_set, method, part, "test")]


def make_study(table=2, *, trials=True, slices=(), rows=600, ctr_models=("DCNv2",)):
    study = Study.model_validate(
        {
            "title": "Tiny <study>",
            "table": table,
            "data_sets": {name: {} for name in DATA_SETS},
            "ctr_models": {name: {"kind": {"DCNv2": "dcn-v2", "DNN": "dnn"}[name]} for name in ctr_models},
            "language_models": {"MiniLM": {"name": "minilm"}},
            "methods": {name: {"model": model} for name, model in METHODS.items()},
            "seeds": SEEDS,
            "baseline": "DCNv2",
        }
    )
    made = Made(study)
    generator = np.random.default_rng(5)
    # By seed first, methods last to first: the order of running is not the order of the tables.
    for seed in SEEDS:
        for data_set in reversed(DATA_SETS):
            truth = np.random.default_rng(len(data_set)).normal(size=rows)
            labels = np.random.default_rng(1).random(rows) < 1 / (1 + np.exp(-2 * truth))
            for method, model in reversed(METHODS.items()):
                for ctr_model in ctr_models:
                    logits = (truth + SKILL[method] * generator.normal(size=rows)).astype(np.float32)
                    run = f"{model}-{ctr_model}-{data_set}-{seed}"
                    masks = {part: np.arange(rows) % 5 == place for place, part in enumerate(slices)}
                    made.cells[run] = Scores(labels, logits, np.arange(rows) % 39, masks)
                    about = {
                        "data_set": data_set,
                        "method": method,
                        "model": model,
                        "ctr_model": ctr_model,
                        "language_model": "MiniLM" if "clickprompt" in model else None,
                        "seed": seed,
                        "trial": 1,
                        "settings": json.dumps({"finetune.ctr_learning_rate": 0.003}),
                        "run": run,
                        "error": None,
                        "status": "done",
                    }
                    for place, part in enumerate(("all", *slices)):
                        kept = slice(None) if part == "all" else np.arange(rows) % 5 == place - 1
                        y, z = labels[kept], logits[kept]
                        measures = {"auc": auc(y, z), "log_loss": log_loss(y, z)}
                        made.rows.append({**about, "phase": "test", "slice": part, **measures, "validation_auc": 0.7})
                    for trial in range(2 if trials and seed == SEEDS[0] else 0):
                        tried = {"phase": "trial", "slice": "all", "trial": trial, "validation_auc": 0.7 + trial / 100}
                        made.rows.append({**about, **tried, "auc": None, "log_loss": None})
    return made


def sections(markdown):
    """Rows of each Markdown table as {heading: text}, by section."""
    found = {}
    for section in markdown.split("\n## ")[1:]:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        cells = [
            [re.sub(r"\\(.)", r"\1", text.strip()) for text in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
        ]
        found[section.splitlines()[0]] = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    return found


def row_of(rows, **labels):
    (row,) = [row for row in rows if all(row[name.replace("_", " ")] == text for name, text in labels.items())]
    return row


def number(text):
    return float(re.match(r"[−+\d.]+", text)[0].replace("−", "-"))


@pytest.fixture(scope="module")
def made():
    return make_study()


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    markdown, html = made.write(folder)
    return folder, markdown, html


@pytest.fixture(scope="module")
def compared(written):
    return pl.read_parquet(written[0] / "comparisons.parquet").to_dicts()


def test_markdown_parses_back_to_the_numbers(made, written):
    table = sections(written[1])["Overall performance"]
    assert [row["model"] for row in table] == list(METHODS)
    assert [row["family"] for row in table] == ["id", "clickprompt", "controls"]
    for data_set in DATA_SETS:
        base = np.mean([row["auc"] for row in made.of(data_set, "DCNv2")])
        for method in METHODS:
            row, own = row_of(table, model=method), made.of(data_set, method)
            for measure, heading in (("auc", "AUC"), ("log_loss", "log loss")):
                values = [one[measure] for one in own]
                mean, deviation = re.match(r"([\d.]+) ± ([\d.]+)", row[f"{data_set}: {heading}"]).groups()
                assert float(mean) == pytest.approx(np.mean(values), abs=5.1e-5)
                assert float(deviation) == pytest.approx(np.std(values, ddof=1), abs=5.1e-5)
            assert row[f"{data_set}: n"] == "3"
            gain = row[f"{data_set}: vs baseline"]
            if method == "DCNv2":
                assert gain == ""
            else:
                expected = 100 * (np.mean([one["auc"] for one in own]) / base - 1)
                assert number(gain) == pytest.approx(expected, abs=5.1e-3)


def test_published_numbers_stand_beside_ours(written):
    table = sections(written[1])["Overall performance"]
    assert row_of(table, model="DCNv2")["MovieLens-1M: published AUC"] == "0.8439"
    assert row_of(table, model="ClickPrompt")["MovieLens-1M: published log loss"] == "0.3905"
    assert row_of(table, model="Masked *fields*")["MovieLens-1M: published AUC"] == ""
    assert not [heading for heading in table[0] if heading.startswith(f"{DATA_SETS[1]}: published")]


def test_comparisons_equal_independent_ones(made, compared):
    assert [(one["data_set"], one["method"]) for one in compared] == [
        (data_set, method) for data_set in DATA_SETS for method in list(METHODS)[1:]
    ]
    for one in compared:
        own, base = made.of(one["data_set"], one["method"]), made.of(one["data_set"], "DCNv2")
        a, b = np.array([row["auc"] for row in own]), np.array([row["auc"] for row in base])
        paired = stats.ttest_rel(a, b)
        interval = paired.confidence_interval()
        assert one["difference"] == pytest.approx(np.mean(a - b), rel=1e-9)
        assert one["relative_improvement"] == pytest.approx(np.mean(a) / np.mean(b) - 1, rel=1e-9)
        assert (one["low"], one["high"]) == pytest.approx((interval.low, interval.high), rel=1e-8)
        assert one["p_paired"] == pytest.approx(paired.pvalue, rel=1e-8)
        assert one["p_welch"] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-8)
        assert one["smallest_detectable"] == pytest.approx(3.264044 * np.std(a - b, ddof=1), rel=1e-5)
        assert (one["seeds"], one["shared_seeds"], one["baseline"]) == (3, [1, 2, 3], "DCNv2")
        ours, theirs = ([made.cells[row["run"]] for row in rows] for rows in (own, base))
        labels, users = ours[0].labels, ours[0].groups
        means = [np.mean([cell.logits for cell in cells], axis=0, dtype=float) for cells in (ours, theirs)]
        assert one["p_delong"] == pytest.approx(delong_test(labels, *means).p_value, rel=1e-6)
        by_seed = [delong_test(labels, x.logits, y.logits).p_value for x, y in zip(ours, theirs, strict=True)]
        assert one["p_delong_by_seed"] == pytest.approx(by_seed, rel=1e-9)
        assert one["delong_difference"] == pytest.approx(
            roc_auc_score(labels, means[0]) - roc_auc_score(labels, means[1]), abs=1e-12
        )
        bootstrap = bootstrap_over_groups(labels, *means, users, samples=60)
        drawn = (one["bootstrap_low"], one["bootstrap_high"], one["p_bootstrap"])
        assert drawn == pytest.approx((bootstrap.low, bootstrap.high, bootstrap.p_value), abs=1e-9)
    for test in ("p_paired", "p_welch", "p_delong", "p_bootstrap"):
        smallest = min(compared, key=lambda one: one[test])
        assert smallest[f"{test}_holm"] == pytest.approx(min(1, 4 * smallest[test]), rel=1e-12)


def test_stars_follow_delong_and_the_dagger_welch(written, compared):
    table = sections(written[1])["Overall performance"]
    seen = set()
    for one in compared:
        text = row_of(table, model=one["method"])[f"{one['data_set']}: AUC"]
        stars = sum(one["p_delong"] < level for level in (0.05, 0.01, 0.001))
        assert re.fullmatch(r"[\d.]+ ± [\d.]+ ?(\**)(†?)", text).groups() == (
            "*" * stars,
            "†" if one["p_welch"] < 0.05 else "",
        )
        seen |= {stars, one["p_welch"] < 0.05}
    assert {True, 3} <= seen
    legend = written[1].split("\n## ")[0]
    assert "DeLong" in legend
    assert "Welch" in legend


def test_every_seed_is_listed(made, written):
    for row in sections(written[1])["Every seed"]:
        for one in made.of(row["data set"], row["model"]):
            assert number(row[f"AUC: seed {one['seed']}"]) == pytest.approx(one["auc"], abs=5.1e-5)
            assert number(row[f"log loss: seed {one['seed']}"]) == pytest.approx(one["log_loss"], abs=5.1e-5)


def test_every_trial_is_listed_and_the_chosen_one_marked(written):
    trials = sections(written[1])["Tuning trials"]
    assert len(trials) == 12
    assert {(row["trial"], row["validation AUC"], row["chosen"]) for row in trials} == {
        ("0", "0.7000", ""),
        ("1", "0.7100", "chosen"),
    }
    assert trials[0]["settings"] == "finetune.ctr_learning_rate = 0.003"


class Page(HTMLParser):
    """Checks that tags nest; gathers each table's rows of texts."""

    def __init__(self, html):
        super().__init__()
        self.open, self.rows, self.links, self.spans = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.links += [name for name, _ in attributes if name in ("href", "src")]
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_html_is_well_formed_and_says_the_same(written):
    _, markdown, html = written
    page = Page(html)
    assert page.links == []
    assert "<b>" not in html
    assert "http" not in html
    shown = [list(row.values()) for rows in sections(markdown).values() for row in rows]
    assert [row for row in page.rows if row in shown] == shown


def test_nothing_is_compared_twice(made, written, tmp_path):
    folder, markdown, html = written
    assert made.write(folder) == (markdown, html)
    assert made.asked == []
    changed = [row | {"auc": row["auc"] + 0.01} if row["run"].endswith("Toys | <b>-3") else row for row in made.rows]
    changed = [row if row["phase"] == "test" else row | {"auc": None} for row in changed]
    made.write(tmp_path)
    made.write(tmp_path, changed)
    assert {run.rpartition("-")[0].split("-")[-1] for run in made.asked} == {"Toys | <b>"}


def test_a_partial_study_gives_tables(made, tmp_path):
    rows = [
        row
        for row in made.rows
        if row["data_set"] == DATA_SETS[0] and row["phase"] == "test" and (row["seed"], row["method"]) != (1, "DCNv2")
    ]
    markdown, _ = made.write(tmp_path, [row for row in rows if row["seed"] < 3 or row["method"] == "ClickPrompt"])
    table = sections(markdown)
    assert row_of(table["Overall performance"], model="DCNv2")["MovieLens-1M: n"] == "1"
    assert row_of(table["Overall performance"], model="ClickPrompt")["MovieLens-1M: n"] == "3"
    assert row_of(table["Comparisons"], model="ClickPrompt")["n"] == "1"
    assert "over seeds: 95 % interval" not in table["Comparisons"][0]
    assert row_of(table["Every seed"], model="DCNv2")["AUC: seed 1"] == ""
    assert "Tuning trials" not in table
    markdown, html = made.write(tmp_path / "nothing", [])
    assert sections(markdown) == {}
    Page(html)


def test_failed_cells_say_so(made, tmp_path):
    broken = {"status": "failed", "auc": None, "log_loss": None, "error": "clicks.parquet: no such | file"}
    rows = [
        row | broken if row["phase"] == "test" and (row["method"], row["seed"]) in failing else row
        for failing in [{("ClickPrompt", 2), *(("Masked *fields*", seed) for seed in SEEDS)}]
        for row in made.rows
    ]
    table = sections(made.write(tmp_path, rows)[0])
    assert row_of(table["Overall performance"], model="Masked *fields*")["MovieLens-1M: AUC"] == "failed"
    assert row_of(table["Overall performance"], model="ClickPrompt")["MovieLens-1M: AUC"].endswith("(1 failed)")
    assert row_of(table["Every seed"], model="ClickPrompt", data_set="MovieLens-1M")["AUC: seed 2"] == "failed"
    failures = table["Failed runs"]
    assert len(failures) == 8
    assert {row["error"] for row in failures} == {broken["error"]}


def test_methods_without_shared_test_rows_are_compared_over_seeds_alone(tmp_path):
    made = make_study(trials=False)
    for run in [run for run in made.cells if run.startswith("masked")]:
        cell = made.cells[run]
        made.cells[run] = Scores(cell.labels[:500], cell.logits[:500], cell.groups[:500])
    made.write(tmp_path)
    for one in pl.read_parquet(tmp_path / "comparisons.parquet").to_dicts():
        assert (one["p_delong"] is None) == one["method"].startswith("Masked")
        assert one["p_welch"] is not None


def test_too_few_clicks_for_delong_leave_blanks(tmp_path):
    made = make_study(trials=False)
    for run, cell in made.cells.items():
        made.cells[run] = Scores(np.arange(600) == 5, cell.logits, cell.groups)
    made.write(tmp_path)
    compared = pl.read_parquet(tmp_path / "comparisons.parquet")
    assert compared["p_delong"].is_null().all()
    assert compared["p_paired"].is_not_null().all()


def test_long_tail_cells_are_those_that_evaluation_names():
    assert set(LONG_TAIL) == set(long_tail([1], [1], user_limit=0, item_limit=0))


def test_long_tail_table(tmp_path):
    made = make_study(6, trials=False, slices=(*LONG_TAIL, "cold Movie"))
    table = sections(made.write(tmp_path)[0])
    rows = table["Long tail, MovieLens-1M"]
    assert [row["slice"] for row in rows] == [*LONG_TAIL, "all"]
    for row in rows:
        own = [one["auc"] for one in made.of("MovieLens-1M", "ClickPrompt", row["slice"])]
        heading = "ClickPrompt · DCNv2 · MiniLM"
        assert number(row[f"{heading}: AUC"]) == pytest.approx(np.mean(own), abs=5.1e-5)
    assert row_of(rows, slice=LONG_TAIL[0])["DCNv2: published AUC"] == "0.6000"
    compared = pl.read_parquet(tmp_path / "comparisons.parquet").to_dicts()
    assert {one["slice"] for one in compared} == {"all", *LONG_TAIL}
    for one in compared:
        cells = [
            [made.cells[row["run"]] for row in made.of(one["data_set"], name)] for name in (one["method"], "DCNv2")
        ]
        kept = cells[0][0].slices.get(one["slice"], slice(None))
        means = [np.mean([cell.logits[kept] for cell in of_method], axis=0, dtype=float) for of_method in cells]
        assert one["p_delong"] == pytest.approx(delong_test(cells[0][0].labels[kept], *means).p_value, rel=1e-6)
        assert one["p_bootstrap_holm"] is not None


def test_a_slice_that_is_not_told_is_compared_over_seeds_alone(tmp_path):
    made = make_study(6, trials=False, slices=LONG_TAIL)
    for run, cell in made.cells.items():
        made.cells[run] = Scores(cell.labels, cell.logits, cell.groups)
    made.write(tmp_path)
    for one in pl.read_parquet(tmp_path / "comparisons.parquet").to_dicts():
        assert (one["p_delong"] is None) == (one["slice"] != "all")
        assert one["p_welch"] is not None


def test_an_only_data_set_stands_in_the_title(made, tmp_path):
    only = Made(Study.model_validate(made.study.model_dump(exclude={"data_sets", "methods"}) | {
        "data_sets": {"MovieLens-1M": {}}, "methods": {name: {"model": model} for name, model in METHODS.items()},
    }), cells=made.cells)  # fmt: skip
    rows = [row for row in made.rows if row["data_set"] == "MovieLens-1M"]
    markdown, _ = only.write(tmp_path, rows)
    table = sections(markdown)
    assert row_of(table["Overall performance, MovieLens-1M"], model="DCNv2")["published AUC"] == "0.8439"
    assert not [section for section, of_section in table.items() if "data set" in of_section[0]]


def test_two_methods_of_one_kind_keep_their_names(tmp_path):
    made = make_study(3, trials=False)
    methods = {"K = 1": {"model": "clickprompt-with-lm", "method": {"kind": "clickprompt", "prompt": {"length": 1}}}}
    methods |= {"K = 3": {"model": "clickprompt-with-lm"}, "DCNv2": {"model": "id-only"}}
    made.study = Study.model_validate(made.study.model_dump(exclude={"methods"}) | {"methods": methods})
    names = {"ClickPrompt": "K = 1", "Masked *fields*": "K = 3", "DCNv2": "DCNv2"}
    rows = [
        row | {"method": names[row["method"]], "model": methods[names[row["method"]]]["model"]} for row in made.rows
    ]
    (table, *_) = sections(made.write(tmp_path, rows)[0]).values()
    assert [row["finetuning"] for row in table] == ["none", "K = 1", "K = 3"]


def test_an_unfinished_study_says_so(made, tmp_path):
    assert "Unfinished: 3 of 6 cells" in made.write(tmp_path, unfinished="Unfinished: 3 of 6 cells are done.")[1]


@pytest.mark.parametrize("table", [3, None])
def test_each_id_model_has_its_own_baseline(table, tmp_path):
    made = make_study(table, trials=False, ctr_models=("DNN", "DCNv2"))
    markdown, _ = made.write(tmp_path)
    compared = pl.read_parquet(tmp_path / "comparisons.parquet").to_dicts()
    assert len(compared) == 8
    assert {one["ctr_model"] == one["baseline_ctr_model"] for one in compared} == {True}
    if table == 3:
        rows = sections(markdown)["Compatibility with ID models and language models"]
        assert [(row["ID model"], row["finetuning"], row["language model"]) for row in rows] == [
            (ctr_model, mode, language)
            for ctr_model in ("DNN", "DCNv2")
            for mode, language in (("none", "none"), ("with LM", "MiniLM"), ("Masked *fields*", "none"))
        ]


def test_table_2_has_one_baseline_for_all(tmp_path):
    made = make_study(2, trials=False, ctr_models=("DNN", "DCNv2"))
    content = made.study.model_dump(exclude={"methods"})
    content["methods"] = {
        "DCNv2": {"model": "id-only"},
        "Masked *fields*": {"model": "masked-field", "ctr_models": ("DCNv2",)},
        "PTab": {"model": "ptab"},
    }
    made.study = Study.model_validate(content)
    tabs = [
        row | {"method": "PTab", "model": "ptab", "ctr_model": None} for row in made.of("MovieLens-1M", "ClickPrompt")
    ]
    rows = [row for row in made.rows if row["method"] == "DCNv2"] + tabs
    markdown, _ = made.write(tmp_path, rows)
    compared = pl.read_parquet(tmp_path / "comparisons.parquet").to_dicts()
    assert [(one["data_set"], one["method"], one["ctr_model"]) for one in compared] == [
        ("MovieLens-1M", "DCNv2", "DNN"),
        ("MovieLens-1M", "PTab", None),
        (DATA_SETS[1], "DCNv2", "DNN"),
    ]
    assert {one["baseline_ctr_model"] for one in compared} == {"DCNv2"}
    assert [row["model"] for row in sections(markdown)["Overall performance"]] == ["DNN", "DCNv2", "PTab"]
    # Before its baseline has run, an entry is compared with nothing, not with another ID model's.
    made.write(tmp_path / "early", [row for row in rows if row["ctr_model"] != "DCNv2"])
    assert pl.read_parquet(tmp_path / "early" / "comparisons.parquet").is_empty()


def test_prompted_layers_stand_side_by_side(tmp_path):
    made = make_study(4, trials=False, ctr_models=("DNN", "DCNv2"))
    first = {"model": "clickprompt-with-lm", "method": {"kind": "clickprompt", "prompt": {"layers": "first"}}}
    content = made.study.model_dump(exclude={"methods"})
    methods = {"First": first, "Every": {"model": "clickprompt-with-lm"}}
    made.study = Study.model_validate({**content, "methods": methods, "baseline": "First"})
    names = {"DCNv2": "First", "ClickPrompt": "Every"}
    rows = [
        row | {"method": names[row["method"]], "model": "clickprompt-with-lm", "language_model": "MiniLM"}
        for row in made.rows
        if row["method"] in names
    ]
    (table, *_) = sections(made.write(tmp_path, rows)[0]).values()
    assert [(row["data set"], row["ID model"]) for row in table] == [
        (data_set, ctr_model) for data_set in DATA_SETS for ctr_model in ("DNN", "DCNv2")
    ]
    assert table[1]["first layer: published AUC"] == "0.8468"
    assert table[0]["layer-wise: published AUC"] == "0.8455"
