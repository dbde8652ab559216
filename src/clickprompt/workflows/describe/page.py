"""A description as one HTML page that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from clickprompt.storage import write_file
from clickprompt.workflows.describe.description import Description
from clickprompt.workflows.describe.shown import number, shown
from clickprompt.workflows.describe.time_bins import clock, heading, moment, time_bins

_BINS_IN_TABLE = 10


def write_page(path: Path, description: Description) -> None:
    """Write the page; ClickPromptError where the disk refuses."""
    write_file(path, render_page(description))


def render_page(description: Description) -> str:
    """The page as HTML, without outside links; all texts of the data escaped."""
    import jinja2

    from clickprompt.workflows.describe.plots import draw_plots
    from clickprompt.workflows.report_formats import FORMATS

    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([here, here.parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FORMATS, number=number, shown=shown, moment=moment)
    over_time = description.over_time
    return environment.get_template("describe.html.jinja").render(
        of=description,
        plots=draw_plots(description),
        bins=[] if over_time is None else time_bins(over_time, _BINS_IN_TABLE),
        clock="" if over_time is None else clock(over_time),
        since="" if over_time is None else heading(over_time),
    )
