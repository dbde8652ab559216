from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from filled_cache import another_version

from clickprompt.serving.config import ServingConfig
from clickprompt.serving.engine import Engine
from clickprompt.serving.repository import Change, Repository, UnknownModel
from clickprompt.serving.version_folders import version_folders
from clickprompt.settings import ClickPromptError

ROW = {"user": "u3", "item": "i2", "title": "old lamp 2", "price": 3}


class Shelf:
    """A folder to serve, and what its repository told."""

    def __init__(self, path: Path, bundle: Path, cache: Path, **settings) -> None:
        self.path, self.bundle, self.cache = path, bundle, cache
        self.changes: list[Change] = []
        self.repository = Repository(path, ServingConfig(cache=cache, **settings), self.changes.append)
        path.mkdir(parents=True, exist_ok=True)

    def put(self, *parts: str, number: int = 1) -> Path:
        """A version below the folder; another number is another bundle."""
        place = self.path.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        return another_version(self.bundle, place, self.cache, number)

    def told(self) -> list[tuple[str, str, str]]:
        """What changed since last asked."""
        changes = [(change.what, change.name, change.version) for change in self.changes]
        self.changes.clear()
        return changes


@pytest.fixture
def shelf(tmp_path, shop_bundle, shop_cache) -> Shelf:
    return Shelf(tmp_path / "models", shop_bundle, shop_cache)


def damage(bundle: Path) -> None:
    with (bundle / "vocabulary.json").open("a") as file:
        file.write(" ")


def test_a_bundle_bundles_and_version_folders_are_found(shelf, shop_bundle):
    assert _found(shelf.put("a", "2")) == {"a": ["2"]}
    assert _found(shelf.put("b")) == {"b": ["1"]}
    shelf.put("a", "10")
    (shelf.path / "a" / "3").mkdir()
    for name in (".b-tmp", "b~", "c.tmp", "empty", "a/notes", "a/.11", "a/011", "a/latest"):
        shutil.copytree(shop_bundle, shelf.path / name) if "empty" not in name else (shelf.path / name).mkdir()
    assert _found(shelf.path) == {"a": ["10", "3", "2"], "b": ["1"]}
    assert _found(shelf.path / "a") == {"a": ["10", "2"], "notes": ["1"], "latest": ["1"], "011": ["1"]}


def _found(path: Path) -> dict[str, list[str]]:
    return {name: [folder.version for folder in folders] for name, folders in version_folders(path).items()}


def test_models_and_versions_are_found_by_name(shelf):
    with pytest.raises(UnknownModel, match="no model is served yet"):
        shelf.repository.find()
    for version in ("1", "9", "10"):
        shelf.put("movies", version)
    repository = shelf.repository
    repository.load()
    assert shelf.told() == [("loaded", "movies", "10"), ("loaded", "movies", "9")]
    assert (repository.names(), repository.versions("movies")) == (["movies"], ["10", "9"])
    assert repository.find() is repository.find("movies") is repository.find("movies", "10") is repository.models()[0]
    assert repository.ready
    with pytest.raises(UnknownModel, match=r"model 'movie' is not served \(did you mean movies\?\)"):
        repository.find("movie")
    with pytest.raises(UnknownModel, match="model 'movies' has no version '1'; served: 10, 9"):
        repository.find(None, "1")
    shelf.put("shop")
    assert repository.refresh()
    assert not repository.refresh()
    assert [(model.name, model.version) for model in repository.models()] == [
        ("movies", "10"),
        ("movies", "9"),
        ("shop", "1"),
    ]
    with pytest.raises(UnknownModel, match="several models are served; name one of movies, shop"):
        repository.find()


def test_nothing_to_serve_is_said_with_every_reason(shelf, tmp_path):
    with pytest.raises(ClickPromptError, match=r"models: no bundle in it; expected one, or a folder of bundles, or"):
        shelf.repository.load()
    for name in ("a", "b"):
        damage(shelf.put(name))
    with pytest.raises(ClickPromptError, match=r"a/vocabulary\.json: changed .*; .*/b/vocabulary\.json: changed"):
        shelf.repository.load()
    with pytest.raises(ClickPromptError, match="nowhere: no such file or folder"):
        Repository(tmp_path / "nowhere", ServingConfig()).load()


def test_newer_versions_come_and_older_ones_go_once_no_request_holds_them(shelf):
    shelf.put("m", "1")
    shelf.put("m", "2")
    repository = shelf.repository
    repository.load()
    held = repository.find("m", "1")
    gone, parts = weakref.ref(held), [weakref.ref(held.scorer), weakref.ref(held.scorer.vocabulary)]
    shelf.put("m", "3")
    assert repository.refresh()
    assert repository.versions("m") == ["3", "2"]
    assert shelf.told()[2:] == [("loaded", "m", "3"), ("dropped", "m", "1")]
    (scored,) = held.scorer.score([held.scorer.encode_rows([ROW], {})])
    assert 0 < scored.probability[0] < 1
    gc.collect()
    assert gone() is held
    del held
    assert gone() is None
    assert [part() for part in parts] == [None, None]  # at once: nothing waits for the garbage collector


def test_a_broken_version_is_reported_once_and_tried_again_when_its_files_change(shelf):
    shelf.put("m", "1")
    repository = shelf.repository
    repository.load()
    broken = shelf.put("m", "2")
    good = (broken / "vocabulary.json").read_bytes()
    damage(broken)
    shelf.told()
    repository.refresh()
    assert (shelf.told(), repository.faults()) == ([], [])  # it may be half copied
    for _ in range(3):
        repository.refresh()
    assert shelf.told() == [("failed", "m", "2")]
    (fault,) = repository.faults()
    assert "2/vocabulary.json: changed since it was written" in fault.message
    assert repository.find().version == "1"
    (broken / "vocabulary.json").write_bytes(good)
    repository.refresh()
    assert shelf.told() == [("loaded", "m", "2")]
    assert repository.faults() == []
    assert repository.versions("m") == ["2", "1"]


def test_a_version_that_is_being_copied_is_loaded_once_it_is_whole(shelf, tmp_path):
    shelf.put("m", "1")
    repository = shelf.repository
    repository.load()
    whole = shelf.put("2")
    whole = whole.rename(tmp_path / "2")
    (shelf.path / "m" / "2").mkdir()
    shelf.told()
    for file in sorted(whole.iterdir()):
        repository.refresh()
        assert repository.find().version == "1"
        shutil.copyfile(file, shelf.path / "m" / "2" / file.name)
    repository.refresh()
    assert shelf.told() == [("loaded", "m", "2")]


def test_a_bundle_replaced_in_place_is_loaded_anew_and_a_broken_one_is_not(shelf, tmp_path):
    place = shelf.put("m", "1", number=1)
    repository = shelf.repository
    repository.load()
    first = repository.find()
    files = {file.name: file.read_bytes() for file in shelf.put("..", "other", number=2).iterdir()}
    for name, content in files.items():
        (place / name).write_bytes(content if name != "calibration.json" else b"{}")
    for _ in range(2):
        repository.refresh()
    assert repository.find() is first
    assert [fault.version for fault in repository.faults()] == ["1"]
    (place / "calibration.json").write_bytes(files["calibration.json"])
    repository.refresh()
    assert repository.find().fingerprint != first.fingerprint
    assert repository.find().manifest["provenance"]["number"] == 2
    assert repository.faults() == []
    again = [
        model.scorer.score([model.scorer.encode_rows([ROW], {})])[0].probability for model in (first, repository.find())
    ]
    np.testing.assert_array_equal(*again)  # the first reads its own copy, not the files that changed beneath it


def test_files_touched_or_a_folder_swapped_for_the_same_change_nothing(shelf):
    place = shelf.put("m", "1")
    repository = shelf.repository
    repository.load()
    model = repository.find()
    moved = place.rename(shelf.path / ".away")
    repository.refresh()
    assert repository.find() is model
    moved.rename(place)
    (place / "bundle.json").touch()
    (place / "notes.txt").write_text("x")
    assert not repository.refresh()
    assert repository.find() is model


def test_versions_gone_from_disk_are_dropped_at_the_second_look(shelf):
    place = shelf.put("m", "1")
    repository = shelf.repository
    repository.load()
    shelf.told()
    shutil.rmtree(place.parent)
    assert not repository.refresh()
    assert repository.refresh()
    assert shelf.told() == [("dropped", "m", "1")]
    assert not repository.ready


def test_a_callback_that_fails_stops_nothing(shelf, caplog):
    def fail(change):
        raise KeyError(change.name)

    repository = Repository(shelf.path, ServingConfig(cache=shelf.cache), fail)
    shelf.put("m", "1")
    repository.load()
    assert repository.find().version == "1"
    assert "nobody could be told" in caplog.text


def test_versions_are_swapped_while_requests_run(shelf):
    """Every request is answered, by a version that was there, and the newest takes over without a restart."""
    shelf.put("m", "1")
    repository = Repository(shelf.path, ServingConfig(cache=shelf.cache, keep_versions=1, poll_seconds=0.02))
    repository.load()
    expected = repository.find().scorer.score([repository.find().scorer.encode_rows([ROW], {})])[0].probability
    answered: list[str] = []
    last = 4

    async def client(engine: Engine, rows: int) -> None:
        while answered[-1:] != [str(last)]:
            model = repository.find("m")
            scored = await engine.score(model, model.scorer.encode_rows([ROW] * rows, {}))
            np.testing.assert_allclose(scored.probability, np.repeat(expected, rows), atol=1e-6)
            answered.append(model.version)

    async def main() -> None:
        engine = Engine(ServingConfig(threads=2))
        await asyncio.wait_for(asyncio.gather(*(client(engine, rows) for rows in (1, 3, 20, 300))), 20)
        await engine.close()

    def publish() -> None:
        for version in range(2, last + 1):
            made = shelf.put(f".{version}", number=version)
            made.rename(shelf.path / "m" / str(version))
            time.sleep(0.1)

    publisher = threading.Thread(target=publish)
    repository.watch()
    publisher.start()
    try:
        asyncio.run(main())
    finally:
        publisher.join()
        repository.close()
    assert set(answered) >= {"1", str(last)}
    assert repository.versions("m") == [str(last)]
