"""The page's own code passes the contract that it promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clickprompt.ctr import registry

PAGE = Path(__file__).parents[2] / "docs" / "add-an-id-model.md"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), names)
    monkeypatch.setitem(registry._MODELS, names["GatedSumConfig"], names["GatedSum"])
    return names


def test_the_pages_model_passes_the_contract(page, tmp_path):
    tests = page["TestGatedSum"]()
    checks = [name for name in dir(tests) if name.startswith("test_")]
    assert len(checks) >= 6
    for name in checks:
        check = getattr(tests, name)
        check(tmp_path) if "saved" in name else check()


def test_a_wrong_formula_would_not_pass(page):
    class Wrong(page["TestGatedSum"]):
        def reference(self, weights, embeddings):
            return 1.001 * super().reference(weights, embeddings)

    with pytest.raises(AssertionError):
        Wrong().test_q_and_logit_equal_the_formula()
