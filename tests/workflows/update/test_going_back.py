"""Where `--rollback` leads when versions are damaged."""

from __future__ import annotations

import pytest

from clickprompt.bundle import MANIFEST, load_bundle, replace_calibrator
from clickprompt.calibration import PlattCalibrator
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.update import ModelStore, rollback
from clickprompt.workflows.update.store import identity

WEIGHTS = "weights.safetensors"


def add_version(path) -> int:
    """One that an update might have made of the newest version, without its training."""
    store = ModelStore(path)
    parent = store.folder(store.current)
    version = store.publish(parent)
    folder = store.folder(version)
    replace = {"update": {"parent": identity(parent), "learned": [], "number": version}}
    replace_calibrator(folder, PlattCalibrator(intercept=float(version)), replace)
    return version


def turn_a_byte(file) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def torn(folder):
    (folder / MANIFEST).write_text("{")


def other_json(folder):
    (folder / MANIFEST).write_text(
        '{"kind": "clickprompt bundle", "provenance": {"update": 3}, "manifest_sha256": "0"}'
    )


def no_manifest(folder):
    (folder / MANIFEST).unlink()


def empty(folder):
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()


def other_weights(folder):
    turn_a_byte(folder / WEIGHTS)


DAMAGES = [torn, other_json, no_manifest, empty, other_weights]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_version_gives_way_to_the_one_before(store, damage):
    add_version(store)
    add_version(store)
    turn_a_byte(store / "3" / WEIGHTS)  # so that its weights are not those of older ones
    damage(store / "3")
    assert rollback(store) == (4, 2)
    load_bundle(store / "4")
    assert ModelStore(store).lineage(4) == [2, 1]


@pytest.mark.parametrize("damage", [torn, other_weights])
def test_after_a_rollback_the_bundle_that_was_withdrawn_stays_so(store, damage):
    add_version(store)
    turn_a_byte(store / "2" / WEIGHTS)
    assert rollback(store) == (3, 1)
    damage(store / "3")
    assert rollback(store) == (4, 1)
    load_bundle(store / "4")


def test_a_damaged_parent_is_passed_over(store):
    add_version(store)
    add_version(store)
    for version in "12":
        turn_a_byte(store / version / "calibration.json")
    with pytest.raises(
        ClickPromptError, match=r"3: the version that it was made of is not here.*; .*2/calib.* changed"
    ):
        rollback(store)
    assert ModelStore(store).versions == [1, 2, 3]
    turn_a_byte(store / "1" / "calibration.json")
    assert rollback(store) == (4, 1)
