"""Amazon's reviews from small files as the official ones are: gzipped JSON lines, pages' scripts, HTML entities."""

import gzip
import json

import polars as pl
import pytest
from pydantic import ValidationError

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.sources import amazon, release
from clickprompt.table.sources.amazon import AmazonSource
from clickprompt.table.sources.base import InputsNotFound

SCRIPT = "\n\n\nvar aPageStart = (new Date()).getTime();\nvar ue_t0=ue_t0||+new Date();\n"


def review(user, item, overall, time, **more):
    """A line with the keys of the official file."""
    about = {"verified": True, "reviewTime": "09 22, 2016", "reviewerName": "D. C.", "reviewText": 'Nice &amp; "good"'}
    keys = {"overall": overall, "reviewerID": user, "asin": item, "unixReviewTime": time}
    return json.dumps({**about, **keys, "style": {"Color:": " Red"}, "summary": "Five Stars", **more})


def product(item, **more):
    """Likewise."""
    empty = {"tech1": "", "description": [], "fit": "", "also_buy": [], "tech2": "", "feature": [], "rank": [">#1"]}
    return json.dumps(
        {**empty, "main_cat": "<img src='x'>", "price": "$1", "details": {"ASIN: ": item}, "asin": item, **more}
    )


REVIEWS = [
    review("A1", "0486277577", 5.0, 1474502400),
    review("A2", "0486277577", 3.0, 1474502400, vote="2", image=["x.jpg"]),
    review("A1", "B000000001", 4.0, 1389657600),
    review("A3", "B000000002", 1.0, 1389657600, reviewText=None),
    review("A3", "B000000404", 2.0, 1500000000),
    review("A1", "B000000003", 5.0, 1500000001),
]
TOYS = "Toys &amp; Games"
PRODUCTS = [
    product("0486277577", category=[TOYS, "Puzzles", "Jigsaw &amp; Co", "</span></span></span>", "Imported"],
            brand="Dover", title="Stained Glass &#39;Coloring&#39; Book"),
    product("B000000001", category=[TOYS], brand="by\n    \n    Disney", title=SCRIPT),
    product("B000000002", category=[], brand="", title="Yo-Yo  &copy R&D"),
    product("B000000002", category=[TOYS, "Games"], brand="Second", title="A second line of the same product"),
    product("B000000001", category=[TOYS, "Dolls"], brand=" A\n  B ", title="Doll\tHouse"),
    product("B000000003"),
]  # fmt: skip


def official(folder, reviews=REVIEWS, products=PRODUCTS, *, category="Toys_and_Games"):
    folder.mkdir(exist_ok=True)
    for name, lines in ((f"{category}_5", reviews), (f"meta_{category}", products)):
        (folder / f"{name}.json.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return folder


def pieces_of(folder, bad=None, **settings):
    return list(AmazonSource(path=folder, **settings).pieces(None, bad or BadRows(), {}))


def test_every_review_is_a_row_with_its_product(tmp_path):
    (piece,) = pieces_of(official(tmp_path / "amazon"))
    assert piece.frame.rows() == [
        ("A1", "0486277577", "Jigsaw & Co", "Stained Glass 'Coloring' Book", "Dover", 5.0, 1474502400),
        ("A2", "0486277577", "Jigsaw & Co", "Stained Glass 'Coloring' Book", "Dover", 3.0, 1474502400),
        ("A1", "B000000001", "Dolls", "Doll House", "A B", 4.0, 1389657600),
        ("A3", "B000000002", None, "Yo-Yo &copy R&D", "", 1.0, 1389657600),
        ("A3", "B000000404", None, None, None, 2.0, 1500000000),
        ("A1", "B000000003", None, None, None, 5.0, 1500000001),
    ]
    assert piece.schema.names == tuple(piece.frame.columns[:5])
    assert (piece.label, piece.threshold, piece.timestamp) == ("rating", 4, "timestamp")
    assert piece.provenance.place(4) == f"{tmp_path}/amazon/Toys_and_Games_5.json.gz, row 5"


def test_all_categories_are_a_list(tmp_path):
    (piece,) = pieces_of(official(tmp_path / "amazon"), categories="all")
    toys = "Toys & Games"
    assert piece.frame["Category"].to_list() == [
        *([[toys, "Puzzles", "Jigsaw & Co"]] * 2), [toys, "Dolls"], [], None, None
    ]  # fmt: skip
    assert piece.schema.fields[2].kind == "list"


def test_it_is_prepared_in_order_of_time(tmp_path, prepare):
    folder = official(tmp_path / "amazon", [line for time in range(10) for line in dated(time)])
    for categories in ("last", "all"):
        source = {"kind": "amazon", "path": str(folder), "categories": categories}
        table = prepare({"source": source}, f"prepared-{categories}")
        texts = table.value_texts[0].to_pylist()
        test = [[texts[value] for value in row] for row in table.split("test").value_ids.tolist()]
        category = "Jigsaw & Co" if categories == "last" else "Toys & Games, Puzzles, Jigsaw & Co"
        assert [row[:3] for row in test] == [["A9", "0486277577", category], ["A9", "B000000404", "unknown"]]
        assert table.split("test").labels.tolist() == [1, 0]


def dated(time):
    """Two reviews of a day, latest days first."""
    return review(f"A{9 - time}", "0486277577", 5.0, -time), review(f"A{9 - time}", "B000000404", 3.0, -time)


def test_pieces_follow_one_another_whatever_the_compression(tmp_path, monkeypatch):
    folder = official(tmp_path / "amazon")
    (whole,) = pieces_of(folder)
    for file in list(folder.iterdir()):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    small = amazon.json_pieces
    monkeypatch.setattr(amazon, "json_pieces", lambda *args: small(*args, rows=4))
    pieces = pieces_of(folder)
    assert [piece.frame.height for piece in pieces] == [4, 2]
    assert pl.concat([piece.frame for piece in pieces]).equals(whole.frame)
    assert pieces[1].provenance.number(1) == (f"{folder}/Toys_and_Games_5.json", 6)


def test_lines_that_are_no_records(tmp_path):
    reviews = [*REVIEWS[:2], REVIEWS[2][:40], *REVIEWS[3:]]
    products = [*PRODUCTS[:1], "{'asin': 'python, not JSON'}", *PRODUCTS[1:]]
    folder = official(tmp_path / "amazon", reviews)
    with pytest.raises(ClickPromptError, match=r"Toys_and_Games_5\.json\.gz, line 3: not JSON"):
        pieces_of(folder)
    with pytest.raises(ClickPromptError, match=r"meta_Toys_and_Games\.json\.gz, line 2: not JSON"):
        pieces_of(official(folder, reviews, products))
    bad = BadRows("skip", max_share=0.5)
    (piece,) = pieces_of(folder, bad)
    assert piece.provenance.numbers.tolist() == [1, 2, 4, 5, 6]
    assert [(found.file.split("/")[-1], found.line) for found in bad.rows] == [
        ("meta_Toys_and_Games.json.gz", 2), ("Toys_and_Games_5.json.gz", 3)
    ]  # fmt: skip


def test_a_file_that_is_cut_off_is_told(tmp_path):
    folder = official(tmp_path / "amazon")
    file = folder / "Toys_and_Games_5.json.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ClickPromptError, match=r"Toys_and_Games_5\.json\.gz: "):
        pieces_of(folder)


def test_settings_that_cannot_be(tmp_path):
    with pytest.raises(ValidationError, match="did you mean Toys_and_Games"):
        AmazonSource(category="Toys_&_Games")
    folder = official(tmp_path / "amazon")
    with pytest.raises(InputsNotFound, match=r"not amazon with category Books; expected Books_5\.json\.gz in it"):
        AmazonSource(path=folder, category="Books").inputs()
    with pytest.raises(ClickPromptError, match="no review is in it"):
        pieces_of(official(folder, reviews=[]))
    assert AmazonSource().published().features == 371_813
    assert AmazonSource(category="Books").published() is None


def test_the_cache_is_filled_from_the_authors_server(tmp_path, monkeypatch, progress):
    asked = {}
    monkeypatch.setenv("CLICKPROMPT_CACHE", str(tmp_path))
    monkeypatch.setattr(release, "fetch_files", lambda name, urls, progress: asked.update({name: urls}))
    AmazonSource(category="Video_Games").fetch(progress)
    folder = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_v2"
    assert asked == {
        "amazon-2018-video-games": {
            "Video_Games_5.json.gz": f"{folder}/categoryFilesSmall/Video_Games_5.json.gz",
            "meta_Video_Games.json.gz": f"{folder}/metaFiles2/meta_Video_Games.json.gz",
        }
    }
