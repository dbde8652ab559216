"""The page is well-formed, needs nothing beside it, and shows texts of the data as texts."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from clickprompt.contracts import SPLITS
from clickprompt.workflows.describe import Description, render_page
from clickprompt.workflows.describe.description import (
    Example,
    FieldDescription,
    Lengths,
    OutsideTraining,
    OverTime,
    SplitRows,
    Tail,
    TopValue,
)
from clickprompt.workflows.describe.shown import number, shown
from clickprompt.workflows.describe.time_bins import clock, heading, moment, time_bins

EVIL = '<script>alert("&")</script>'
DAY = 86_400_000_000
SHARES = dict.fromkeys(SPLITS, 0.25)


@pytest.fixture(scope="module")
def description() -> Description:
    outside = OutsideTraining(0.5, 0.125, 0.75)
    top = (TopValue(EVIL, 3, 0.3, 0.5),)
    field = FieldDescription(
        EVIL, "text", "item", 7, 6, SHARES, top, Tail(1, 0.4, 0.2), {"validation": outside, "test": outside}
    )
    return Description(
        title=f"Data of {EVIL}",
        prepared="runs/prepared",
        order="time",
        splits=tuple(SplitRows(name, 10, 4) for name in SPLITS),
        fields=(field,),
        tail_share=0.2,
        over_time=OverTime(
            "microseconds",
            (0.0, 1.0 * DAY, 2.0 * DAY, 3.0 * DAY),
            ((10, 0, 0), (0, 10, 2), (0, 0, 8)),
            ((4, 0, 0), (0, 4, 1), (0, 0, 3)),
        ),
        lengths=Lengths("minilm", 64, 12.5, {"0.5": 12, "1.0": 80}, SHARES, (0, 3, 5, 2)),
        examples=(Example(f"title is {EVIL}.", 1, 12),),
        duplicates_dropped=5,
        bad_rows=(EVIL,),
        hints=(EVIL,),
    )


@pytest.fixture(scope="module")
def rendered(description: Description) -> str:
    return render_page(description)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.links, self.ids, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src", "xlink:href", "action")]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag != "meta":
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_safe_and_whole(rendered):
    page = Page(rendered)
    assert "script" not in page.tags
    assert page.text.count(EVIL) >= 6  # title, heading, field, value, hint, bad row, sentence
    assert {link.partition("#")[0] for link in page.links} <= {""}
    assert not re.search(r"https?://|@import|url\((?!#)", rendered)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("figure") == 2
    for share in ("40.0 %", "12.5 %", "75.0 %", "50.0 %"):
        assert share in page.text


def test_what_is_not_known_is_left_out(description):
    page = Page(render_page(replace(description, over_time=None, lengths=None, examples=(), hints=())))
    assert "figure" not in page.tags
    assert "Look again" not in page.text
    assert "over time" not in page.text


def test_lines_differ_without_colours(rendered):
    """Each split has a marker of its own and, but for the first, dashes."""
    (plot,) = re.findall(r'<svg [^>]*aria-label="Label rate over time.*?</svg>', rendered, re.DOTALL)
    assert len(set(re.findall(r"stroke-dasharray: ([^;]*);", plot))) >= 2
    assert all(f">{name}<" in plot for name in SPLITS)


def test_neighbouring_bins_are_put_together(description):
    one, two = time_bins(description.over_time, 2)
    assert (one.start, one.stop, two.stop) == (0, 2 * DAY, 3 * DAY)
    assert (one.rows, one.positives, one.splits) == ((10, 10, 2), (4, 4, 1), "train, validation, test")
    assert one.label_rate == 9 / 22
    assert len(time_bins(description.over_time, 50)) == 3


def test_times_are_dates_where_they_can_be(description):
    def first(unit: str, *edges: float) -> tuple[str, str]:
        over_time = replace(description.over_time, unit=unit, edges=edges)
        return heading(over_time), moment(edges[0], clock(over_time))

    day = 951_782_400  # of 29 February 2000, in seconds
    assert first("microseconds", day * 1e6, day * 1e6) == ("from (UTC)", "2000-02-29 00:00")
    assert first("as given", day, day + 60) == ("from (UTC, read as seconds)", "2000-02-29 00:00")
    assert first("as given", day * 1e3, day * 2e3) == ("from (UTC, read as milliseconds)", "2000-02-29 00:00")
    assert first("as given", 7, day) == ("from", "7")
    assert first("as given", -2.5, 3) == ("from", "-2.5")
    assert first("microseconds", 1e20, 1e20) == ("from (UTC)", "100000000000000000000")


def test_texts_that_can_be_shown():
    assert shown("a\x1b[31mb\nc") == "a�[31mb�c"
    assert shown("abcdef", 4) == "abc…"
    assert [number(value) for value in (12.0, 1234567.0, 0.1234567)] == ["12", "1,234,567", "0.123457"]
