from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import pytest

MACHINE = {"device": "cpu", "float32": 1e11, "bfloat16": None}
RECORD = '{"samples_per_second": RATE, "peak_memory_mb": 1, "peak_memory_of": "process", "cores_busy": 2,'
RECORD += ' "rows_timed": 8, "precision": "float32", "batch": 4}'
NOTES = '{"rows": 2, "lengths": {"10": 2}, "minilm-3": {"layers": 1, "width": 2, "inner": 4, "words": 8, "prompts": 1, '
NOTES += '"row_weights": 3}}'


def contender(folder: Path, name: str, code: str) -> list[str]:
    file = folder / f"{name}.py"
    file.write_text(code)
    return [sys.executable, str(file)]


@pytest.mark.parametrize("printed", ["hello", "{not JSON"])
def test_process_without_its_line_of_json_is_said_in_a_line(benchmark_module, tmp_path, capsys, printed):
    command = contender(tmp_path, "silent", f"print({printed!r})")
    assert benchmark_module("lm_answer").answer(command, "recipe") is None
    assert capsys.readouterr().out == "recipe: failed: ended without its line of JSON\n"


def test_failed_process_is_said_by_its_last_line(benchmark_module, tmp_path, capsys):
    command = contender(tmp_path, "broken", "raise SystemExit('no memory')")
    assert benchmark_module("lm_answer").answer(command) is None
    assert capsys.readouterr().out == "broken.py: failed: no memory\n"


def test_rates_are_compared_and_failed_turns_are_counted(benchmark_module, tmp_path, capsys):
    turns, table = benchmark_module("lm_turns"), benchmark_module("lm_table")
    (tmp_path / "about.json").write_text(NOTES)
    flaky = f"from pathlib import Path\nran = Path({str(tmp_path / 'ran')!r})\n"
    flaky += f"ran.exists() and print({RECORD.replace('RATE', '30')!r})\nran.touch()"
    commands = {
        "clickprompt": contender(tmp_path, "ours", flaky),
        "recipe": contender(tmp_path, "slow", f"print({RECORD.replace('RATE', '10')!r})"),
        "recipe micro-batches of 64": contender(tmp_path, "fast", f"print({RECORD.replace('RATE', '20')!r})"),
    }
    options = Namespace(seconds=1, quick=True)
    records = turns._run_case(turns.Case("tune", "minilm-3", 4, "mean"), commands, MACHINE, tmp_path, options, 3)
    assert [record["times_recipe"] for record in records] == [3.0, 1.0, 2.0]
    assert [record["times_fastest_recipe"] for record in records] == [1.5, 0.5, 1.0]
    assert [(record["runs"], record["runs_failed"]) for record in records] == [(2, 1), (3, 0), (3, 0)]
    capsys.readouterr()
    table.show("tune", records)
    ours, slow, fast = capsys.readouterr().out.strip().splitlines()[1:]
    assert "2 of 3 runs" in ours
    assert "1.50 × recipe micro-batches of 64" in ours
    assert "runs" not in slow + fast
    assert "micro-batches of 64," not in fast
