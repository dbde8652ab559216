"""What surely does not fit is refused before training; the estimate is that of the tensors that training holds."""

import pytest
import torch

from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.settings import ClickPromptError
from clickprompt.training import FinetuneConfig, build_optimizer
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, resources
from clickprompt.workflows.data import prepare
from clickprompt.workflows.finetune import finetune
from clickprompt.workflows.free_memory import _group, _machine, free_memory
from clickprompt.workflows.resources import Sizes, needs

SIZES = Sizes(rows=100, table=1600, layers=70, frozen=5)


class Lines(SilentProgress):
    def __init__(self):
        self.said = []

    def say(self, line):
        self.said.append(line)


@pytest.fixture
def trained(tiny_recipe, tmp_path):
    """Finetune the plain ID model of the tiny recipe with so much memory or disk left."""

    def run(**more):
        recipe = parse_recipe({**tiny_recipe, "models": ["id-only"], **more})
        folder, progress = RunFolder(tmp_path / "run"), Lines()
        finetune(recipe, "id-only", folder, prepare(recipe, folder.prepared, SilentProgress()), progress)
        return folder, progress.said

    return run


def test_what_does_not_fit_is_refused_before_it_starts(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "free_memory", lambda device: 1000)
    with pytest.raises(ClickPromptError, match=r"^finetune id-only: needs at least 0 MB of memory|MB are free; raise"):
        trained()
    assert not (tmp_path / "run" / "bundles").exists()
    folder, said = trained(guards={"check_resources": False})
    assert folder.bundle("id-only").exists()
    assert not any("memory" in line for line in said)


def test_tight_is_said_and_plenty_is_not(trained, monkeypatch):
    monkeypatch.setattr(resources, "free_memory", lambda device: 1_000_000_000)
    monkeypatch.setattr(resources, "_TIGHT", 0.0)
    _, said = trained()
    assert sum("memory is tight" in line for line in said) == 1
    assert sum("the disk is tight" in line for line in said) == 1
    monkeypatch.undo()
    _, said = trained(seed=1)
    assert not any(" is tight" in line for line in said)


def test_a_full_disk_is_told_before_training(trained, monkeypatch):
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100}))
    with pytest.raises(
        ClickPromptError, match=r"its weights take 0 MB in .*, 0 MB are free; free some, choose another"
    ):
        trained()


@pytest.mark.parametrize("kind", ["dense", "sparse", "rowwise-adagrad"])
def test_a_checkpoint_is_as_large_as_estimated(kind):
    class Method(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = EmbeddingTable(SIZES.rows, 16, 0.1)
            self.layer = torch.nn.Linear(SIZES.layers, 1, bias=False)

    method = Method()
    config = FinetuneConfig(embedding_optimizer=kind)
    optimizer = build_optimizer({"ctr": method.parameters()}, {"ctr": 1e-3}, config, [method.embedding])
    rows = torch.arange(0, 100, 3)
    (method.embedding(rows).sum() + method.layer.weight.sum()).backward()
    optimizer.step()
    state = optimizer.state(method)
    held = sum(tensor.numel() for tensor in state.tensors.values() if {100, 70} & set(tensor.shape))
    estimate = needs(SIZES, kind, validates=False, adds_up=False, kept=1)
    assert estimate.checkpoints == 2 * estimate.checkpoint
    assert estimate.checkpoint == pytest.approx(4 * held, rel=1e-9)
    with_best = needs(SIZES, kind, validates=True, adds_up=False, kept=None)
    assert with_best.memory - estimate.memory == 4 * (1600 + 70)
    assert (with_best.checkpoint, with_best.checkpoints) == (0, 0)


def test_free_memory_is_the_least_of_what_machine_and_group_leave(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable: 40 kB\nSwapFree: 2 kB\n")
    assert _machine(tmp_path / "meminfo") == 42 * 1024
    assert _machine(tmp_path / "none") is None
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 10\ninactive_file 500\nactive_file 700\n")
    assert _group(tmp_path) == 3200
    (tmp_path / "memory.max").write_text("max\n")
    assert _group(tmp_path) is None
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 0
