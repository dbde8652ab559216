from __future__ import annotations

import json
import os
import threading

import pytest

from clickprompt.leftovers import remove_leftovers
from clickprompt.settings import ClickPromptError
from clickprompt.storage import (
    fingerprint,
    lock,
    new_folder,
    read_manifest,
    write_file,
    write_manifest,
)


def make(path, text: str = "hello", version: int = 1) -> None:
    with new_folder(path) as folder:
        (folder / "data.txt").write_text(text)
        write_manifest(folder, "about.json", {"answer": 42}, kind="thing", version=version)


def write_half(folder) -> None:
    (folder / "data.txt").write_text("half")
    (folder / "nowhere" / "data.txt").write_text("the other half")


def read(path):
    return read_manifest(path, "about.json", kind="thing", version=1)


def test_a_folder_comes_back_as_it_was_written(tmp_path):
    make(tmp_path / "a")
    assert read(tmp_path / "a")["answer"] == 42
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    make(tmp_path / "a", "old")
    with pytest.raises(ClickPromptError, match="no such file or folder"), new_folder(tmp_path / "a") as folder:
        write_half(folder)
    assert (tmp_path / "a" / "data.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_new_folder_takes_the_place_of_the_old(tmp_path):
    make(tmp_path / "a", "old")
    make(tmp_path / "a", "new")
    assert (tmp_path / "a" / "data.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    read(tmp_path / "a")


def test_what_is_wrong_with_a_folder_is_named(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(ClickPromptError, match="no such folder; a thing was expected"):
        read(path)
    path.mkdir()
    with pytest.raises(ClickPromptError, match=r"not a thing, it has no about\.json"):
        read(path)
    make(path, version=2)
    with pytest.raises(ClickPromptError, match=r"thing of format 2, written by clickprompt .*reads format 1"):
        read(path)
    make(path)
    (path / "data.txt").write_text("hellO")
    with pytest.raises(ClickPromptError, match=r"data\.txt: changed since it was written"):
        read(path)
    (path / "data.txt").unlink()
    with pytest.raises(ClickPromptError, match=r"thing is incomplete, data\.txt is missing"):
        read(path)
    make(path)
    content = json.loads((path / "about.json").read_text())
    (path / "about.json").write_text(json.dumps({**content, "answer": 43}))
    with pytest.raises(ClickPromptError, match=r"about\.json: changed since it was written"):
        read(path)
    (path / "about.json").write_text("{half")
    with pytest.raises(ClickPromptError, match="damaged, it is no longer JSON"):
        read(path)


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ClickPromptError, match="there is a file where a folder should be"):
        write_file(tmp_path / "file" / "inside.txt", "x")


def test_fingerprints_go_by_content_not_by_order():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_an_older_folder_is_exchanged_so_that_one_of_the_two_is_always_there(tmp_path):
    make(tmp_path / "a")
    inside, stop = [], threading.Event()

    def look() -> None:
        while not stop.is_set():
            inside.append((tmp_path / "a" / "data.txt").exists())

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(30):
        make(tmp_path / "a")
    stop.set()
    thread.join()
    assert inside
    assert all(inside)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / ".a.partial-12ab_cd3" / "inside").mkdir(parents=True)
    kept = [".b.partial-zz11zz11", ".hidden", ".lock", ".my-settings", "a.partial-12345678"]
    for name in (*kept, ".a.partial-zz11zz11"):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path, "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == kept[1:]


def test_a_folder_is_worked_in_by_one_process(tmp_path):
    run = tmp_path / "run"
    busy = pytest.raises(ClickPromptError, match=rf"run: process {os.getpid()} on .* is working here")
    with lock(run), busy, lock(run):
        pass
    with lock(run):
        pass
