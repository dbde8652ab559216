"""The page's own code is a method: it scores whatever the batch, learns, and comes back from a bundle."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from clickprompt.batches import token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import BASE, Model, build_method, registry

PAGE = Path(__file__).parents[2] / "docs" / "add-a-method.md"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "late_fusion"}
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(block, str(PAGE), "exec", dont_inherit=True), names)
    monkeypatch.setitem(registry._METHODS, names["LateFusionConfig"], names["LateFusion"])
    monkeypatch.setitem(registry.MODELS, "late-fusion", (BASE, Model("late-fusion", pretrained=False)))
    return names


def parts(folder: Path) -> Any:
    language = LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0)
    return SimpleNamespace(
        language=language,
        ctr=lambda: build_ctr_model(DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(8,)), 3, 9, ()),
        encoder=lambda: load_language_model(language).encoder,
    )


def batch(rows: list[int]) -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    sentences = [torch.randint(5, 60, (length,), generator=generator) for length in (6, 8, 8, 9)]
    words = torch.cat([sentences[row] for row in rows])
    return ClickBatch(
        rows=torch.tensor(rows),
        feature_ids=torch.tensor([[0, 2, 5], [1, 3, 4], [0, 3, 5], [1, 2, 6]])[rows],
        labels=torch.tensor([0.0, 1.0, 1.0, 0.0])[rows],
        tokens=token_batch(words.numpy(), np.array([len(sentences[row]) for row in rows])),
    )


def test_the_pages_method_scores_rows_whatever_the_batch_and_learns(page, tiny_bert):
    torch.manual_seed(0)
    method = build_method(page["LateFusionConfig"](width=8), parts(tiny_bert)).eval()
    whole, other_way = method(batch([0, 1, 2, 3])).logits, method(batch([3, 1, 0])).logits
    torch.testing.assert_close(whole[[3, 1, 0]], other_way)
    groups = method.parts()
    assert len(groups["language"]) > len(groups["ctr"]) > 0
    assert not groups["frozen"]
    optimizer = torch.optim.Adam(method.parameters(), lr=3e-3)
    rows = batch([0, 1, 2, 3])
    before = method.click_loss(rows).item()
    for _ in range(15):
        optimizer.zero_grad()
        method.click_loss(rows).backward()
        optimizer.step()
    assert method.click_loss(rows).item() < before / 2


def test_the_pages_lines_are_the_registrys_tables(page):
    text = PAGE.read_text()
    assert page["LateFusionConfig"]().kind == "late-fusion"
    for table in ("_METHODS", "MODELS"):
        assert table in text
        assert hasattr(registry, table)
