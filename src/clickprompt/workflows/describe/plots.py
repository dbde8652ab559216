"""The page's plots as inline SVG; dashes and markers tell lines apart where colours do not."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from clickprompt.contracts import SPLITS
from clickprompt.workflows.describe.description import Description, Lengths, OverTime
from clickprompt.workflows.describe.time_bins import clock, moment
from clickprompt.workflows.report_plots import DASHES, series_colour, svg_plot

if TYPE_CHECKING:
    from markupsafe import Markup

MARKERS = ("o", "s", "^")
_BARS = 60


def draw_plots(description: Description) -> dict[str, Markup]:
    """`over_time` and `lengths`, those that there is something to draw for."""
    plots = {}
    if description.over_time is not None:
        plots["over_time"] = _rates(description.over_time)
    if description.lengths is not None:
        plots["lengths"] = _lengths(description.lengths)
    return plots


def _rates(over_time: OverTime) -> Markup:
    middles = np.array([(start + stop) / 2 for start, stop in pairwise(over_time.edges)])
    rows, positives, unit = np.array(over_time.rows), np.array(over_time.positives), clock(over_time)

    def draw(axes: Any) -> None:
        for place, name in enumerate(SPLITS):
            held = rows[:, place] > 0
            axes.plot(
                middles[held],
                positives[held, place] / rows[held, place],
                color=series_colour(place + 1),
                linestyle=DASHES[place],
                linewidth=1.4,
                marker=MARKERS[place],
                markersize=3.5,
                label=name,
            )
        ticks = np.linspace(over_time.edges[0], over_time.edges[-1], 4)
        axes.set_xticks(ticks, [moment(float(tick), unit).split(" ")[0] for tick in ticks])
        axes.set(ylabel="Label rate")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)

    return svg_plot("over-time", "Label rate over time, each split a line", draw)


def _lengths(lengths: Lengths) -> Markup:
    rows = np.array(lengths.counts)
    width = max(1, -(-len(rows) // _BARS))
    bars = np.add.reduceat(rows, np.arange(0, len(rows), width)) / rows.sum()

    def draw(axes: Any) -> None:
        axes.bar(np.arange(len(bars)) * width, bars, width, align="edge", color=series_colour(1), linewidth=0)
        axes.axvline(lengths.max_length, color=series_colour(2), linestyle="dashed", linewidth=1.4)
        axes.set(xlabel="Tokens a sentence", ylabel="Share of rows")

    return svg_plot("lengths", "How many rows have sentences of how many tokens", draw)
