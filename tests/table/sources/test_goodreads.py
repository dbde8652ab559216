# ruff: noqa: E501
"""GoodReads from hand-made files in exactly the official format."""

import gzip
import json
from datetime import datetime

import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.sources import release, text_blocks
from clickprompt.table.sources.base import InputsNotFound
from clickprompt.table.sources.goodreads import GoodReadsSource

OLD_POSSUM = {
    "isbn": "0151686564", "text_reviews_count": "626", "series": [], "country_code": "US", "language_code": "en-US",
    "popular_shelves": [{"count": "15419", "name": "to-read"}, {"count": "11", "name": "poes\u00eda"}], "asin": "",
    "is_ebook": "false", "average_rating": "4.09", "kindle_asin": "", "similar_books": ["884306", "234"],
    "description": "T. S. Eliot's playful cat poems", "format": "Hardcover",
    "link": "https://www.goodreads.com/book/show/402128.Old_Possum_s_Book_of_Practical_Cats",
    "authors": [{"author_id": "18540", "role": ""}, {"author_id": "21578", "role": "Illustrator"}],
    "publisher": "Harcourt Brace & Company", "num_pages": "56", "publication_day": "30", "isbn13": "9780151686568",
    "publication_month": "8", "edition_information": "Illustrated Edition", "publication_year": "1982",
    "url": "https://www.goodreads.com/book/show/402128.Old_Possum_s_Book_of_Practical_Cats",
    "image_url": "https://images.gr-assets.com/books/1327882662m/402128.jpg", "book_id": "402128",
    "ratings_count": "15716", "work_id": "372536", "title": "Old Possum's Book of Practical Cats",
    "title_without_series": "Old Possum's Book of Practical Cats",
}  # fmt: skip
BARE = OLD_POSSUM | {
    "book_id": "7", "title": "[Poes\u00eda] {sic}", "authors": [], "num_pages": "", "publisher": "", "format": "",
    "work_id": "", "publication_year": "", "is_ebook": "true", "average_rating": "3.90", "text_reviews_count": "1",
}  # fmt: skip
AGAIN = OLD_POSSUM | {"title": "The second line of one book"}
AUTHORS = [
    {"average_rating": "3.98", "author_id": "604031", "text_reviews_count": "7", "name": "Ronald J. Fields", "ratings_count": "49"},
    {"average_rating": "4.08", "author_id": "18540", "text_reviews_count": "9", "name": "T.S. Eliot", "ratings_count": "99"},
]  # fmt: skip
WORKS = [
    {"books_count": "61", "reviews_count": "45", "original_publication_month": "10", "default_description_language_code": "",
     "text_reviews_count": "1", "best_book_id": "402128", "original_publication_year": "1939", "original_title": "",
     "rating_dist": "5:1|4:1|3:1|2:0|1:0|total:3", "media_type": "book", "ratings_sum": "12", "work_id": "372536"},
]  # fmt: skip
GENRES = [
    {"book_id": "402128", "genres": {"poetry": 15419, "children": 63, "history, historical fiction, biography": 63}},
    {"book_id": "7", "genres": {}},
]


def interaction(book, rating, added, user="80d52f5e70f023bd0098ab96599a3530", **other):
    review = f"{book:>08}{rating}{len(added):>023}"
    return {
        "user_id": user, "book_id": book, "review_id": review, "is_read": rating > 0, "rating": rating,
        "review_text_incomplete": "", "date_added": added, "date_updated": added, "read_at": "", "started_at": "",
    } | other  # fmt: skip


INTERACTIONS = [
    interaction("402128", 4, "Fri Apr 19 23:15:15 -0700 2013"),
    interaction("402128", 0, "Tue Nov 17 11:37:35 -0800 2015", user="shelved"),
    interaction("99", 3, "Sat Apr 20 06:15:14 +0000 2013", user="ascii \u00e9"),
    interaction("7", 5, "Wed Mar 01 00:00:00 -0800 2017"),
]


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


@pytest.fixture
def folder(tmp_path):
    contents = {
        "goodreads_interactions_poetry.json.gz": lines(INTERACTIONS[:2]),
        "goodreads_books_poetry.json.gz": lines([OLD_POSSUM, BARE, AGAIN]),
        "goodreads_book_authors.json.gz": lines(AUTHORS),
        "goodreads_book_works.json.gz": lines(WORKS),
        "goodreads_book_genres_initial.json.gz": lines(GENRES),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(gzip.compress(content))
    with (tmp_path / "goodreads_interactions_poetry.json.gz").open("ab") as file:
        file.write(gzip.compress(lines(INTERACTIONS[2:])))  # members end to end are one file
    return tmp_path


def read(folder, progress, bad=None, **settings):
    return GoodReadsSource(path=folder, genre="poetry", **settings).read(progress, bad)


def test_rows_are_rated_interactions_with_their_books(folder, progress):
    table = read(folder, progress)
    rows = table.frame.select(table.schema.names).rows()
    user = "80d52f5e70f023bd0098ab96599a3530"
    eliot = ("18540", "T.S. Eliot", "56", "false", "Hardcover", "Harcourt Brace & Company", "1982", "372536", "book")
    assert rows == [
        (user, "402128", "Old Possum's Book of Practical Cats", "poetry", "4.09", "626", *eliot),
        ("ascii é", "99", *[None] * 13),
        (user, "7", "[Poesía] {sic}", None, "3.90", "1", None, None, "", "true", "", "", "", "", None),
    ]
    assert table.frame["rating"].to_list() == [4, 3, 5]
    assert (table.threshold, table.schema.group_field) == (4, "User ID")
    assert [table.provenance.place(row).partition(", ")[2] for row in range(3)] == ["row 1", "row 3", "row 4"]
    # the zone counts: the second was added a second before the first, though its day is later
    assert table.frame[table.timestamp].to_list() == [
        datetime(2013, 4, 20, 6, 15, 15), datetime(2013, 4, 20, 6, 15, 14), datetime(2017, 3, 1, 8),
    ]  # fmt: skip


def test_pieces_are_the_table(folder, progress, monkeypatch):
    whole = read(folder, progress)
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 300)
    bad = BadRows()
    source = GoodReadsSource(path=folder, genre="poetry")
    pieces = list(source.pieces(progress, bad, {}))
    assert [piece.frame.height for piece in pieces] == [1, 1, 1]
    assert [number for piece in pieces for number in piece.provenance.numbers] == [1, 3, 4]
    assert read(folder, progress).frame.equals(whole.frame)
    assert bad.seen == 4


def test_what_settings_change(folder, progress):
    assert read(folder, progress, unrated="negative").frame["rating"].to_list() == [4, 0, 3, 5]
    every = read(folder, progress, book_genres="all")
    assert every.frame["Book genres"].to_list()[0] == "poetry|children|history, historical fiction, biography"
    genres = every.schema.fields[3]
    assert (genres.kind, genres.separator) == ("list", "|")
    honest = read(folder, progress, totals="drop")
    assert not {"Average rating", "Number of book reviews"} & {*honest.schema.names, *honest.frame.columns}
    assert len(honest.schema.names) == 13
    assert [s.published() is None for s in (GoodReadsSource(), GoodReadsSource(totals="drop"))] == [False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating": 6}, r"row 4: rating is \"6\"; expected 0 to 5"),
        ({"rating": None}, "row 4: rating is missing; expected 0 to 5"),
        ({"date_added": ""}, r"row 4: date_added is \"\"; expected a time such as Tue Nov 17 11:37:35 -0800 2015"),
        ({"date_added": "Tue Mar 01 00:00:00 -0800 2017"}, "row 4: date_added is .*; expected a time"),  # a Wednesday
        ({"user_id": None}, "row 4: User ID is missing; every row needs a user_id"),
        ({"rating": "many"}, "line 4: rating is "),
    ],
)
def test_rows_that_cannot_be_used(folder, progress, change, message):
    file = folder / "goodreads_interactions_poetry.json.gz"
    file.write_bytes(gzip.compress(lines([*INTERACTIONS[:3], INTERACTIONS[3] | change])))
    with pytest.raises(ClickPromptError, match=rf"goodreads_interactions_poetry\.json\.gz, {message}"):
        read(folder, progress)
    bad = BadRows("skip", max_share=0.5)
    assert read(folder, progress, bad).frame["rating"].to_list() == [4, 3]
    assert [(row.row, bad.seen) for row in bad.rows] == [(4, 4)]


def test_a_file_cut_short_and_metadata_with_a_broken_line_end_reading(folder, progress):
    books = folder / "goodreads_books_poetry.json.gz"
    whole = books.read_bytes()
    books.write_bytes(gzip.compress(lines([OLD_POSSUM]) + b'{"isbn": "015168\n'))
    with pytest.raises(ClickPromptError, match=r"goodreads_books_poetry\.json\.gz, line 2: "):
        read(folder, progress, BadRows("skip"))
    books.write_bytes(whole[:-20])
    with pytest.raises(ClickPromptError, match=r"goodreads_books_poetry\.json\.gz: "):
        read(folder, progress)


def test_folders(folder, progress, tmp_path):
    with pytest.raises(InputsNotFound, match=r"not goodreads with genre all; expected goodreads_interactions_dedup"):
        GoodReadsSource(path=folder).inputs()
    with pytest.raises(InputsNotFound, match=r"it has files of poetry: set data.source.genre"):
        GoodReadsSource(path=folder, genre="romance").inputs()
    with pytest.raises(InputsNotFound, match="no such folder"):
        GoodReadsSource(path=tmp_path / "nowhere").inputs()
    expected = read(folder, progress).frame
    for file in folder.glob("*.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert read(folder, progress).frame.equals(expected)
    (folder / "goodreads_interactions_poetry.json").write_bytes(lines(INTERACTIONS[1:2]))
    with pytest.raises(ClickPromptError, match="no rating is left"):
        read(folder, progress)


def test_official_addresses(progress, monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKPROMPT_CACHE", str(tmp_path))
    asked = {}
    monkeypatch.setattr(release, "fetch_files", lambda name, urls, progress: asked.update({name: dict(urls)}))
    for genre in ("all", "young_adult"):
        with pytest.raises(InputsNotFound, match=f"goodreads, {genre}: not in the cache"):
            GoodReadsSource(genre=genre).inputs()
        GoodReadsSource(genre=genre).fetch(progress)
    base = "https://mcauleylab.ucsd.edu/public_datasets/gdrive/goodreads"
    shared = [f"{base}/goodreads_book_{name}.json.gz" for name in ("authors", "works", "genres_initial")]
    young = [f"{base}/byGenre/goodreads_{name}_young_adult.json.gz" for name in ("interactions", "books")]
    whole = [f"{base}/goodreads_{name}.json.gz" for name in ("interactions_dedup", "books")]
    assert {name: list(urls.values()) for name, urls in asked.items()} == {
        "goodreads-all": [*whole, *shared],
        "goodreads-young-adult": [*young, *shared],
    }
