"""What `pa_mlm.py` and `score_with_lm.py` print."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def machine_line(machine: dict[str, Any], repeats: int) -> str:
    """Versions, processor, threads, and how fast large matrices multiply."""
    rates = ", ".join(
        f"{machine[name] / 1e12:.3g} TFLOP/s in {name}" for name in ("float32", "bfloat16") if machine[name]
    )
    return (
        f"torch {machine['torch']}, transformers {machine['transformers']}, {machine['device']} "
        f"({machine['processor']}), {machine['threads']} threads, median of {repeats}; "
        f"{machine['size']} × {machine['size']} matrices multiply at {rates}"
    )


def rows_line(notes: dict[str, Any], folder: Path | None) -> str:
    """Where rows come from, how many, how long their sentences are."""
    lengths = {int(z): count for z, count in notes["lengths"].items()}
    mean = sum(z * count for z, count in lengths.items()) / notes["rows"]
    rows = folder.name if folder else "drawn at random"
    return (
        f"rows: {rows}, {notes['rows']:,} for training, {min(lengths)} to {max(lengths)} tokens, {mean:.1f} on average"
    )


def show(case: object, records: list[dict[str, Any]]) -> None:
    """A case's rates, and how they compare with the recipe's and the fastest recipe's."""
    print(f"\n{case}")
    for record in records:
        spread = record["all_rates"]
        ratio = f", {record['times_recipe']:6.2f} × the recipe" if "times_recipe" in record else ""
        if record.get("times_fastest_recipe") not in (None, 1.0, record.get("times_recipe")):
            ratio += f", {record['times_fastest_recipe']:6.2f} × {record['fastest_recipe']}"
        of = "" if record["peak_memory_of"] == "process" else f" of the {record['peak_memory_of']}"
        failed = f", {record['runs']} of {record['runs'] + record['runs_failed']} runs" if record["runs_failed"] else ""
        apart = record.get("largest_logit_difference")
        print(
            f"  {record['contender']:<28} {record['samples_per_second']:>10,.1f} rows/s "
            f"(from {min(spread):,.1f} to {max(spread):,.1f}{failed}){ratio}, "
            f"{record['tokens_per_second']:>10,.0f} tokens/s, {record['peak_memory_mb']:>7,.0f} MB{of}, "
            f"{record['matrix_rate_share']:6.1%} of the matrix rate ({record['needed_share']:.1%} needed), "
            f"{record['cores_busy']:.1f} cores busy" + ("" if apart is None else f", logits within {apart:.1e}"),
            flush=True,
        )
