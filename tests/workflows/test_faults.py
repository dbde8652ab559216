"""Damaged files, disks that are full or cannot be written, input that is gone: one clear line, and a way back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from clickprompt.bundle import Predictor, load_bundle, replace_calibrator
from clickprompt.language import LanguageTokenizer
from clickprompt.settings import ClickPromptError
from clickprompt.storage import read_manifest
from clickprompt.table import PreparedTable
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks
from clickprompt.text import TokenStore, build_token_store
from clickprompt.training import CheckpointConfig, Checkpoints
from clickprompt.training.state import State
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run
from clickprompt.workflows.data import prepare

ROW = {"user": "u1", "city": "Oslo", "item": "i2", "title": "golden lamp 2", "price": 12.5}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_tiny_clicks(folder, rows=200)
    return folder


@pytest.fixture(scope="module")
def recipe(data):
    return parse_recipe(
        {
            "data": tiny_data_config(data),
            "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
            "language_model": None,
            "method": {"kind": "id-only"},
            "finetune": {"epochs": 1},
        }
    )


@pytest.fixture(scope="module")
def finished(recipe, data, tiny_bert, tmp_path_factory) -> RunFolder:
    """A run whose input vanished after it was prepared, with checkpoints and tokens beside it."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    table = prepare(recipe, folder.prepared, SilentProgress()).table
    tokenizer = LanguageTokenizer.from_folder_or_name(str(tiny_bert))
    build_token_store(folder.path / "tokens", ["Oslo", "Lima"], [1, 1], table.schema, tokenizer, 8)
    (data / "clicks.csv").rename(data / "gone.csv")
    run(recipe, folder, SilentProgress())
    (data / "gone.csv").rename(data / "clicks.csv")
    save(folder.path / "checkpoints" / "id-only", 1)
    save(folder.path / "checkpoints" / "id-only", 2)
    return folder


def checkpoints(folder: Path, said: list[str] | None = None) -> Checkpoints:
    return Checkpoints(folder, "inputs", CheckpointConfig(), print if said is None else said.append)


def save(folder: Path, step: int, said: list[str] | None = None, size: int = 100) -> None:
    kept = checkpoints(folder, said)
    kept.save(step, State({"weights": torch.full((size,), float(step))}, {"step": step}), wait=True)
    kept.close()


def newest(folder: Path) -> int:
    """The step of the checkpoint that training goes on from, told of nothing but one line."""
    said: list[str] = []
    state = checkpoints(folder, said).latest()
    if said:
        raise ClickPromptError(*said)
    assert state is not None
    return state.values["step"]


def readers(finished: RunFolder) -> dict[Path, Callable[[], object]]:
    """What reads each folder of a run."""
    tokens = finished.path / "tokens"
    read: dict[Path, Callable[[], object]] = {
        finished.prepared: lambda: PreparedTable.open(finished.prepared),
        tokens: lambda: TokenStore.open(tokens),
        finished.path / "checkpoints" / "id-only" / "step-000000002": lambda: newest(
            finished.path / "checkpoints" / "id-only"
        ),
    }
    for bundle in (finished.path / "bundles").iterdir():
        read[bundle] = lambda bundle=bundle: load_bundle(bundle)
    for step in (finished.path / "steps").iterdir():
        read[step] = lambda step=step: finished.done(step.name, "")
    return read


def faults(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file's content with one byte changed here and there, cut, or empty."""
    for place in sorted({0, len(content) // 3, len(content) // 2, len(content) - 2, len(content) - 1}):
        for bit in (0x01, 0x80):
            changed = bytearray(content)
            changed[place] ^= bit
            yield f"byte {place}", bytes(changed)
    yield "cut", content[: len(content) // 2]
    yield "one byte short", content[:-1]
    yield "longer", content + b"\0"
    yield "empty", b""


def test_every_damaged_file_is_named_in_one_line(finished):
    tried = 0
    for folder, read in readers(finished).items():
        read()
        for file in [path for path in sorted(folder.rglob("*")) if path.is_file()]:
            content = file.read_bytes()
            for what, damaged in faults(content):
                if damaged.rstrip() == content.rstrip():
                    continue  # a manifest's last newline says nothing
                file.write_bytes(damaged)
                with pytest.raises(ClickPromptError) as caught:
                    read()
                line = str(caught.value)
                assert line.isprintable(), (file, what)
                assert folder.name in line, (file, what, line)
                tried += 1
            file.unlink()
            with pytest.raises(ClickPromptError, match=r"is missing|it has no"):
                read()
            file.write_bytes(content)
        read()
    assert tried > 250


def test_after_damage_the_step_before_is_gone_on_from(finished):
    folder = finished.path / "checkpoints" / "id-only"
    file = folder / "step-000000002" / "state.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    said: list[str] = []
    state = checkpoints(folder, said).latest()
    file.write_bytes(content)
    assert state is not None
    assert state.values == {"step": 1}
    assert len(said) == 1


def test_a_damaged_bundle_is_made_again_once_it_is_deleted(finished, recipe, tmp_path):
    again = RunFolder(tmp_path / "run")
    shutil.copytree(finished.path, again.path)
    weights = again.bundle("id-only") / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"....")
    with pytest.raises(ClickPromptError, match=r"weights\.safetensors: changed .*; delete .*id-only and make it again"):
        run(recipe, again, SilentProgress())
    shutil.rmtree(again.bundle("id-only"))
    run(recipe, again, SilentProgress())
    assert weights.read_bytes() == whole


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A place of its own kind; the test is skipped where mounting is not allowed."""
    folder.mkdir(exist_ok=True)
    if not shutil.which("mount") or subprocess.run(["mount", *options, str(folder)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def small_disk(folder: Path, size: str) -> contextmanager:
    return mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")


def test_a_disk_that_is_full_when_a_checkpoint_is_written(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        said: list[str] = []
        kept = checkpoints(disk / "c", said)
        kept.save(1, State({"weights": torch.ones(100)}, {"step": 1}), wait=True)
        for step in (2, 3):  # too large: told once, and the first stays
            kept.save(step, State({"weights": torch.ones(100_000)}, {"step": step}), wait=True)
        kept.close()
        assert len(said) == 1
        assert "checkpoint at step 2 not written, training goes on" in said[0]
        assert "no space left" in said[0].lower()
        assert newest(disk / "c") == 1
        assert [path.name for path in (disk / "c").iterdir()] == ["step-000000001"]


def test_a_disk_that_is_full_keeps_the_older_bundle(finished, recipe, tmp_path):
    with small_disk(tmp_path / "disk", "400k") as disk:
        bundle = disk / "id-only"
        shutil.copytree(finished.bundle("id-only"), bundle)
        (disk / "rest").write_bytes(bytes(shutil.disk_usage(disk).free - 8192))
        with pytest.raises(ClickPromptError, match="no space left on the disk"):
            replace_calibrator(bundle, None, {})
        assert [path.name for path in sorted(disk.iterdir())] == ["id-only", "rest"]
        assert Predictor.load(bundle).predict([ROW]) == Predictor.load(finished.bundle("id-only")).predict([ROW])


def test_a_disk_that_is_full_when_rows_are_prepared(recipe, tmp_path):
    for size in ("8k", "16k", "32k", "48k"):  # another file meets the end of it each time
        with small_disk(tmp_path / "disk", size) as disk:
            with pytest.raises(ClickPromptError, match="no space left on the disk; free some or choose another place"):
                prepare(recipe, disk / "prepared", SilentProgress())
            assert [path.name for path in disk.rglob("*") if path.is_file()] == []


def test_a_disk_that_is_read_only(finished, recipe, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(finished.path, source)
    with mounted(tmp_path / "disk", "--bind", str(source)) as disk:
        if subprocess.run(["mount", "-o", "remount,ro,bind", str(disk)], capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        with pytest.raises(ClickPromptError, match="the disk is read-only; choose another place"):
            run(recipe, RunFolder(disk), SilentProgress())
        said: list[str] = []
        save(disk / "checkpoints" / "id-only", 3, said)
        assert len(said) == 1
        assert "the disk is read-only" in said[0]
        Predictor.load(disk / "bundles" / "id-only").predict([ROW])


def test_input_that_vanishes_while_it_is_read(recipe, data, tmp_path, monkeypatch):
    from clickprompt.table import prepare as module

    def gone(config):
        (data / "clicks.csv").rename(data / "gone.csv")
        return "fingerprint"

    monkeypatch.setattr(module, "inputs_fingerprint", gone)
    try:
        with pytest.raises(ClickPromptError, match=r"clicks\.csv: no such file"):
            prepare(recipe, tmp_path / "prepared", SilentProgress())
    finally:
        (data / "gone.csv").rename(data / "clicks.csv")
    assert list(tmp_path.iterdir()) == []


def test_steps_name_their_own_kind(finished):
    with pytest.raises(ClickPromptError, match="not the description of a clickprompt bundle"):
        read_manifest(finished.step("id-only"), "step.json", kind="clickprompt bundle", version=1)
