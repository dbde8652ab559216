"""Writers that are killed leave nothing behind for long, and never an empty place where something was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clickprompt import storage
from clickprompt.leftovers import remove_leftovers
from clickprompt.storage import exchange, new_folder, write_file


def killed(work: Callable[[], None]) -> None:
    """Do it in a process that ends without tidying up."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(9)
    assert os.waitpid(child, 0)[1] >> 8 == 9


def make(path: Path, text: str) -> None:
    with new_folder(path) as new:
        (new / "data").write_text(text)


def stop_within(path: Path) -> None:
    with new_folder(path) as new:
        (new / "data").write_text("half")
        os._exit(9)


def test_the_next_writer_of_the_same_name_removes_them(tmp_path):
    make(tmp_path / "a", "old")
    killed(lambda: stop_within(tmp_path / "a"))
    killed(lambda: stop_within(tmp_path / "ab"))
    assert len(list(tmp_path.glob(".a.partial-*"))) == len(list(tmp_path.glob(".ab.partial-*"))) == 1
    make(tmp_path / "a", "new")
    assert not list(tmp_path.glob(".a.partial-*"))
    assert len(list(tmp_path.glob(".ab.partial-*"))) == 1
    assert (tmp_path / "a" / "data").read_text() == "new"


def test_a_writer_at_work_is_left_alone(tmp_path):
    with new_folder(tmp_path / "a") as new:
        (new / "data").write_text("whole")
        remove_leftovers(tmp_path)
        make(tmp_path / "a", "another's")
    assert (tmp_path / "a" / "data").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("renames", [1, 2])
def test_killed_while_the_older_one_is_replaced(tmp_path, monkeypatch, exchanges, renames):
    make(tmp_path / "a", "old")
    rename, made = Path.rename, 0

    def stopping(path: Path, target: Path) -> Path:
        nonlocal made
        made += 1
        done = rename(path, target)
        if made == renames:
            os._exit(9)
        return done

    def exchanging(one: Path, other: Path) -> bool:
        if exchanges and exchange(one, other):
            os._exit(9)
        return False

    def replace() -> None:
        monkeypatch.setattr(storage, "exchange", exchanging)
        monkeypatch.setattr(Path, "rename", stopping)
        make(tmp_path / "a", "new")

    killed(replace)
    if exchanges:
        assert (tmp_path / "a" / "data").read_text() == "new"
    remove_leftovers(tmp_path)
    assert (tmp_path / "a" / "data").read_text() == ("old" if renames == 1 and not exchanges else "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_rename_that_fails_puts_the_older_one_back(tmp_path, monkeypatch, error):
    make(tmp_path / "a", "old")
    monkeypatch.setattr(storage, "exchange", lambda one, other: False)
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if ".partial-" in path.name:
            raise error("the disk went away")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises((storage.ClickPromptError, KeyboardInterrupt), match="the disk went away"):
        make(tmp_path / "a", "new")
    assert (tmp_path / "a" / "data").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    write_file(tmp_path / "a.json", "old")

    def stop() -> None:
        monkeypatch.setattr(os, "fsync", lambda descriptor: os._exit(9))
        write_file(tmp_path / "a.json", "new")

    killed(stop)
    assert (tmp_path / "a.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_is_no_folder_is_passed_over(tmp_path):
    remove_leftovers(tmp_path / "none")
    assert not exchange(tmp_path / "none", tmp_path)
