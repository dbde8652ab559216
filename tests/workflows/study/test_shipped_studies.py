from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from clickprompt.workflows.study import load_study, parse_study, plan

STUDIES = Path(__file__).parents[3] / "studies"
SHIPPED = sorted(STUDIES.rglob("*.yaml"))


def test_every_table_has_its_studies():
    names = {str(path.relative_to(STUDIES).with_suffix("")) for path in SHIPPED}
    tables = {f"table{number}" for number in (2, 3, 4, 5, 6)}
    assert names == tables | {f"movielens-100k/{name}" for name in (*tables, "claim")}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(STUDIES)))
def test_shipped_studies_are_whole(path):
    study = load_study(path)
    combinations = plan(study, str(path))  # checks the recipe of every trial
    assert {combination.method for combination in combinations} == set(study.methods)
    trials = 1 if study.trials is None else study.trials.count
    assert {len(combination.settings) for combination in combinations} == {trials}
    assert study.baseline in study.methods
    assert study.table == (int(path.stem[-1]) if path.stem != "claim" else None)


def test_the_small_studies_share_their_cells():
    from clickprompt.workflows.study.needs import name_of

    def runs(name, method):
        study = load_study(STUDIES / "movielens-100k" / f"{name}.yaml")
        chosen = [
            combination
            for combination in plan(study)
            if combination.method == method and combination.data_set == "MovieLens-100K, shuffled"
        ]
        return {name_of(c.recipe(seed, settings)) for c in chosen for seed in study.seeds for settings in c.settings}

    claim = runs("claim", "DCNv2")
    assert runs("table3", "ID model") <= claim
    assert runs("table6", "DCNv2") <= claim
    with_lm = runs("claim", "ClickPrompt with LM")
    assert runs("table4", "Layer-wise") <= with_lm
    assert runs("table5", "ClickPrompt") <= with_lm
    assert runs("table6", "ClickPrompt") <= with_lm
    assert runs("table3", "ClickPrompt with LM") & with_lm


def test_the_example_in_the_docs_is_a_study():
    text = (STUDIES.parent / "docs" / "studies.md").read_text()
    study = parse_study(yaml.safe_load(text.split("```yaml\n")[1].split("```")[0]))
    assert len(plan(study)) == 4
