"""The report's plots as inline SVG whose colours come from the page, so that they follow light and dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation import reliability_curve, roc_curve

if TYPE_CHECKING:
    from markupsafe import Markup

    from clickprompt.workflows.report import ReportData

Line = tuple[int, npt.ArrayLike, npt.ArrayLike]
"""Number of the model, x, y."""

COLOURS = 6
DASHES = ("solid", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (5, 1.5, 1.5, 1.5)))
MAX_POINTS = 400
MAX_MARKERS = 25
# matplotlib writes fixed colours; these three-byte marks are replaced by the page's variables afterwards.
INK, RULE = "#0a0b0c", "#0a0b0d"


def draw_plots(report: ReportData, models: Sequence[str]) -> dict[str, Markup]:
    """The plots the data allows: `pretraining`, `validation`, `roc`, `calibration`."""
    number = {model: place for place, model in enumerate(models)}
    pretraining = [row for row in report.history if "pretrain" in str(row.get("phase"))]
    plots = {
        "pretraining": _learning("pretraining", _history_lines(pretraining, "train_loss", number), "Pretraining loss"),
        "validation": _learning(
            "validation", _history_lines(report.history, "validation_auc", number), "AUC on validation rows"
        ),
        "roc": _roc(
            [
                (number[one.model], *roc_curve(one.labels, one.probabilities if one.logits is None else one.logits))
                for one in report.scores
            ]
        ),
        "calibration": _calibration(
            [
                (number[one.model], *reliability_curve(one.labels, one.probabilities, weights=one.weights)[:2])
                for one in report.scores
            ]
        ),
    }
    return {name: svg for name, svg in plots.items() if svg is not None}


def _history_lines(history: Sequence[Mapping[str, Any]], key: str, number: Mapping[str, int]) -> list[Line]:
    """One line a model and seed: the value against the step."""
    lines: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
    for row in history:
        value, step = row.get(key), row.get("step")
        if value not in (None, "") and step not in (None, "") and math.isfinite(float(value)):
            lines.setdefault((row["model"], row.get("seed")), []).append((float(step), float(value)))
    thinned = {name: np.array(points)[_spaced(len(points))] for name, points in lines.items()}
    return [(number[model], points[:, 0], points[:, 1]) for (model, _), points in thinned.items()]


def _spaced(length: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(length, MAX_POINTS)).round().astype(np.int64))


def _learning(name: str, lines: Sequence[Line], title: str) -> Markup | None:
    def draw(axes: Any) -> None:
        _draw_lines(axes, lines, marker="o")
        axes.set(xlabel="Step", ylabel=title)

    return svg_plot(name, f"{title} against the training step", draw) if lines else None


def _roc(lines: Sequence[Line]) -> Markup | None:
    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1)
        _draw_lines(axes, lines)
        axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=(0, 1), ylim=(0, 1), aspect="equal")

    return svg_plot("roc", "ROC curves on test rows", draw) if lines else None


def _calibration(lines: Sequence[Line]) -> Markup | None:
    def draw(axes: Any) -> None:
        highest = max(float(np.max(values)) for _, *both in lines for values in both)
        limit = min(1.0, 1.08 * highest) or 1.0
        axes.plot([0, limit], [0, limit], color=RULE, linewidth=1)
        _draw_lines(axes, lines, marker="o")
        axes.set(xlabel="Mean predicted probability", ylabel="Share of clicks", xlim=(0, limit), ylim=(0, limit))
        axes.set_aspect("equal")

    return (
        svg_plot("calibration", "Predicted probability against the share of clicks on test rows", draw)
        if lines
        else None
    )


def _draw_lines(axes: Any, lines: Sequence[Line], marker: str = "") -> None:
    for model, x, y in lines:
        few = len(np.asarray(x)) <= MAX_MARKERS
        axes.plot(
            x,
            y,
            color=series_colour(model),
            linestyle=DASHES[model % len(DASHES)],
            linewidth=1.6,
            marker=marker if few else "",
            markersize=3.5,
        )


def series_colour(model: int) -> str:
    return f"#0a0c{model % COLOURS:02x}"


def svg_plot(name: str, description: str, draw: Callable[[Any], None]) -> Markup:
    """Draw on fresh axes; the SVG without prolog, metadata, fonts and fixed colours, its ids prefixed by `name`."""
    import matplotlib
    from markupsafe import Markup, escape
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "axes.linewidth": 0.6,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(4.4, 3.5), layout="constrained")
        axes = figure.subplots()
        axes.set_axisbelow(True)
        draw(axes)
        file = io.StringIO()
        figure.savefig(
            file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style type.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"| version="1.1"', "", text).replace("xlink:href", "href")
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(INK, "var(--soft)").replace(RULE, "var(--rule)")
    text = re.sub(r"#0a0c(\d\d)", lambda mark: f"var(--series-{int(mark[1])})", text)
    text = re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{escape(description)}">', text
    )
    return Markup(text)
