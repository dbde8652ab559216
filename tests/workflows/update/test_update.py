from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clickprompt.bundle import Predictor, load_bundle, read_bundle_manifest
from clickprompt.settings import ClickPromptError
from clickprompt.storage import lock
from clickprompt.table import Vocabulary
from clickprompt.workflows.update import GateConfig, ModelStore, UpdateConfig, rollback, update


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shown(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def rewritten(day: Path, path: Path, change) -> str:
    with day.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(change(rows))
    return str(path)


def test_a_day_makes_the_next_version_and_leaves_the_old_one_alone(store, day, config):
    before = contents(store / "1")
    done = update(store, [str(day)], config)
    assert (done.outcome, done.folder) == ("promoted", store / "2")
    assert contents(store / "1") == before
    assert shown(store) == {"1", "2"}
    assert {path.name for path in store.iterdir()} == {"1", "2", ".lock"}
    manifest = read_bundle_manifest(store / "2")
    made = manifest["provenance"]["update"]
    assert (made["train_rows"], made["calibration_rows"], made["held_out_rows"]) == (324, 36, 40)
    assert made["number"] == 1
    assert made["gate"]["outcome"] == "passed"
    assert made["parent"] == json.loads((store / "1" / "bundle.json").read_text())["manifest_sha256"]
    assert made["added"]["user"] > 0
    new = {"user": "newu3", "city": "Oslo", "item": "i1", "title": "golden lamp 1", "price": 3}
    assert Predictor.load(store / "1").score([new]).unseen.get("user") == 1
    assert "user" not in Predictor.load(store / "2").score([new]).unseen


def test_what_is_learned_comes_from_training_rows_alone(store, day, tmp_path, config):
    """Labels of held-out rows change the gate's measures and no weight."""

    def turned(rows):
        for row in rows[360:]:
            row["clicked"] = str(1 - int(row["clicked"]))
        return rows

    update(store, [str(day)], config)
    one = (store / "2" / "weights.safetensors").read_bytes(), (store / "2" / "calibration.json").read_bytes()
    rollback(store)
    update(store, [rewritten(day, tmp_path / "turned.csv", turned)], config)
    assert (store / "4" / "weights.safetensors").read_bytes() == one[0]
    assert (store / "4" / "calibration.json").read_bytes() == one[1]
    gates = [read_bundle_manifest(store / v)["provenance"]["update"]["gate"]["checks"] for v in ("2", "4")]
    assert gates[0][0]["new"] == pytest.approx(1 - gates[1][0]["new"])


def test_files_learned_once_are_known_in_any_order_and_without_older_versions(store, day, config, tmp_path):
    one, other, more = (
        rewritten(day, tmp_path / f"{part}.csv", lambda rows, part=part: rows[part::3]) for part in range(3)
    )
    update(store, [one, other], config)
    shutil.rmtree(store / "1")
    for files in ([other, one], [other]):
        assert update(store, files, config).outcome == "already done"
        assert update(store, files, config, dry_run=True).outcome == "already done"
    with pytest.raises(
        ClickPromptError, match=r"1\.csv: .*2 has learned from it already; leave it out, or say --force"
    ):
        update(store, [other, more], config)
    assert update(store, [more], config).folder == store / "3"
    shutil.rmtree(store / "2")
    assert update(store, [one], config).outcome == "already done"


def test_rows_that_weigh_nothing_teach_nothing(store, day, config, tmp_path):
    def light(rows):
        return [row | {"weight": "0"} for row in rows]

    with pytest.raises(ClickPromptError, match="all weights of the 324 rows to learn from are 0"):
        update(store, [rewritten(day, tmp_path / "light.csv", light)], config)
    assert shown(store) == {"1"}


def test_rows_learned_once_are_not_learned_again(store, day, config, tmp_path):
    update(store, [str(day)], config)
    done = update(store, [str(day)], config)
    assert (done.outcome, done.folder) == ("already done", store / "2")
    later = rewritten(day, tmp_path / "later.csv", lambda rows: rows[:200])
    assert update(store, [later], config).folder == store / "3"
    assert update(store, [str(day)], config).outcome == "already done"
    assert update(store, [str(day)], config, force=True).folder == store / "4"
    numbers = [read_bundle_manifest(store / v)["provenance"]["update"]["number"] for v in ("2", "3", "4")]
    assert numbers == [1, 2, 3]


def test_a_worse_bundle_is_not_served_and_the_reason_is_kept(store, day, tmp_path):
    def shuffled(rows):
        labels = [row["clicked"] for row in rows[:360]]
        random.Random(0).shuffle(labels)
        for row, label in zip(rows, labels, strict=False):
            row["clicked"] = str(1 - int(row["clicked"])) if label == "1" else "1"
        return rows

    bad = rewritten(day, tmp_path / "bad.csv", shuffled)
    gate = GateConfig(min_rows=10, min_of_each=5)
    config = UpdateConfig(epochs=6, learning_rate=0.03, gate=gate)
    before = contents(store)
    done = update(store, [bad], config)
    assert (done.outcome, done.folder, done.kept) == ("failed", store / "1", store / ".rejected" / "2")
    after = contents(store)
    assert {path: sha for path, sha in after.items() if not path.startswith(".rejected")} == before
    reason = json.loads((done.kept / "reason.json").read_text())
    assert reason["outcome"] == "failed"
    assert "AUC: difference -" in reason["reason"]
    load_bundle(done.kept / "bundle")
    assert update(store, [bad], config).record == done.record
    assert contents(store) == after
    assert update(store, [str(day)], config.model_copy(update={"epochs": 1, "gate": gate})).outcome in (
        "promoted",
        "failed",
    )


def test_too_few_rows_decide_nothing_unless_forced(store, day):
    done = update(store, [str(day)], UpdateConfig())
    assert done.outcome == "undecided"
    assert shown(store) == {"1"}
    assert update(store, [str(day)], UpdateConfig(), force=True).folder == store / "2"
    assert not (store / ".rejected" / "2").exists()


def test_rolling_back_publishes_the_parent_once_more(store, day, config, tmp_path):
    update(store, [str(day)], config)
    later = rewritten(day, tmp_path / "later.csv", lambda rows: rows[:200])
    update(store, [later], config)
    assert rollback(store) == (4, 2)
    assert contents(store / "4") == contents(store / "2")
    assert rollback(store) == (5, 1)
    assert contents(store / "5") == contents(store / "1")
    assert shown(store) == {"1", "2", "3", "4", "5"}
    with pytest.raises(ClickPromptError, match=r"5: the version that it was made of is not here to go back to"):
        rollback(store)
    with pytest.raises(ClickPromptError, match=r"3: learned from these rows and is no longer served; say --force"):
        update(store, [later], config)
    done = update(store, [later], config, force=True)
    assert done.folder == store / "6"
    assert done.record["parent_version"] == "5"


def test_rolling_back_from_a_damaged_version(store, day, config):
    update(store, [str(day)], config)
    (store / "2" / "bundle.json").write_text("{")
    assert rollback(store) == (3, 1)
    load_bundle(store / "3")
    assert ModelStore(store).lineage(3) == [1]


def test_a_bundle_alone_becomes_version_one(first_bundle, day, config, tmp_path):
    before = contents(first_bundle)
    with pytest.raises(ClickPromptError, match="a bundle alone stays as it is; name a folder for its versions"):
        update(first_bundle, [str(day)], config)
    done = update(first_bundle, [str(day)], config, tmp_path / "new")
    assert done.folder == tmp_path / "new" / "2"
    assert contents(tmp_path / "new" / "1") == contents(first_bundle) == before
    assert update(first_bundle, [str(day)], config, tmp_path / "new").outcome == "already done"
    with pytest.raises(ClickPromptError, match="lies in the bundle, which stays as it is"):
        update(first_bundle, [str(day)], config, first_bundle / "versions")
    assert contents(first_bundle) == before
    with pytest.raises(ClickPromptError, match="holds versions of another bundle"):
        update(done.folder, [str(day)], config, _other_store(tmp_path, first_bundle))


def _other_store(tmp_path, bundle) -> Path:
    ModelStore(tmp_path / "other").publish(bundle)
    return tmp_path / "other"


def test_two_updates_at_once_are_refused(store, day, config):
    before = contents(store)
    child_ready, parent_done = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        with lock(store):
            os.write(child_ready[1], b"x")
            os.read(parent_done[0], 1)
        os._exit(0)
    os.read(child_ready[0], 1)
    with pytest.raises(ClickPromptError, match=rf"process {child} on .* is working here"):
        update(store, [str(day)], config)
    with pytest.raises(ClickPromptError, match="is working here"):
        rollback(ModelStore(store).path)
    os.write(parent_done[1], b"x")
    os.waitpid(child, 0)
    assert contents(store) == before


def test_killed_at_any_moment_it_serves_whole_versions_and_goes_on(store, day, config):
    before = contents(store / "1")
    script = Path(__file__).with_name("kill_updates.py")
    told = subprocess.run([sys.executable, script, store, day, "4"], stdout=subprocess.PIPE, text=True, check=True)
    assert {"nothing", "step", "calibrate"} <= {*told.stdout.split()}
    assert contents(store / "1") == before
    for name in shown(store):
        load_bundle(store / name)
    assert update(store, [str(day)], config).folder == store / "2"
    assert shown(store) == {"1", "2"}
    assert {path.name for path in store.iterdir()} - {"1", "2", ".lock", ".update"} == set()


def test_values_not_seen_for_too_long_lose_their_row(store, day, config, tmp_path):
    config = config.model_copy(update={"drop_unseen": 2})
    few = [rewritten(day, tmp_path / f"{n}.csv", lambda rows, n=n: rows[n : n + 60]) for n in (0, 1)]
    for file in few:
        update(store, [file], config)
    ages = np.load(store / "3" / "value_ages.npy")
    two, three = (Vocabulary.load(store / name) for name in ("2", "3"))
    assert len(ages) == len(three.texts) < len(two.texts)
    assert set(ages.tolist()) == {0, 1}
    record = read_bundle_manifest(store / "3")["provenance"]["update"]
    assert record["dropped"]["user"] > 0
    assert "price" not in record["dropped"]
    assert np.load(store / "2" / "value_ages.npy").max() == 1
