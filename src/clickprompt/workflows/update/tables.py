"""An update for people: what was learned, what the gate said."""

from __future__ import annotations

from typing import Any

from clickprompt.workflows.update.nightly import Update


def update_report(done: Update) -> str:
    """Print the gate's table; the lines that follow it."""
    record = done.record
    if done.outcome == "already done":
        return f"already done: {done.folder}, which is served, has learned from these rows"
    lines = [
        f"rows: {record['train_rows']:,} to learn from, {record['calibration_rows']:,} to calibrate on, "
        f"{record['held_out_rows']:,} held out",
        *_left_out(record.get("negatives")),
        f"new values: {_counts(record['added'])}",
        *([f"dropped values: {_counts(record['dropped'])}"] if record["dropped"] else []),
    ]
    if done.outcome == "dry run":
        return "\n".join([*lines, f"dry run: nothing was trained, {done.folder} stays"])
    _print_gate(record["gate"])
    if done.outcome == "promoted":
        forced = "" if record["gate"]["outcome"] == "passed" else ", though the gate could not decide"
        return "\n".join([*lines, f"promoted: {done.folder}{forced}"])
    what = "rejected" if done.outcome == "failed" else "undecided"
    return "\n".join([*lines, f"{what}: {reason_of(record['gate'])}", f"kept: {done.kept}", f"served: {done.folder}"])


def _left_out(negatives: dict[str, Any] | None) -> list[str]:
    if negatives is None:
        return []
    return [f"rows without a click: {100 * negatives['keep']:.4g} % learned from, {negatives['dropped']:,} left out"]


def reason_of(gate: dict[str, Any]) -> str:
    """Why a bundle did not pass."""
    return "; ".join(f"{check['name']}: {check['limit']}" for check in gate["checks"] if not check["passed"])


def _print_gate(gate: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("gate", title=f"on {gate['rows']:,} held-out rows", title_justify="left")
    for name in ("old", "new"):
        table.add_column(name, justify="right")
    table.add_column("limit")
    table.add_column("verdict")
    for check in gate["checks"]:
        table.add_row(
            check["name"], _number(check["old"]), _number(check["new"]), check["limit"], _verdict(check["passed"])
        )
    Console(highlight=False).print(table)


def _verdict(passed: bool) -> str:
    return "pass" if passed else "fail"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}" if abs(value) < 100 else f"{value:,.0f}"


def _counts(of_fields: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in of_fields.items()) or "none"
