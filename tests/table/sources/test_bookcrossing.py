r"""BookCrossing from small files as the official ones are: Latin-1, CR LF, `\"`, entities, broken lines."""

import urllib.error
import zipfile

import polars as pl
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources import bookcrossing, fetch
from clickprompt.table.sources.base import InputsNotFound
from clickprompt.table.sources.bookcrossing import LAYOUTS, BookCrossingSource
from clickprompt.table.sources.escaped import read_escaped

PICTURES = ";".join(f'"http://images.amazon.com/images/P/x.01.{size}ZZZZZZZ.jpg"' for size in ("THUMB", "M", "L"))
RATINGS = r"""
"User-ID";"ISBN";"Book-Rating"
"276725";"034545104X";"0"
"276726";"078946697X";"5"
"276726";"078946697X ";"5"
"276726";"0789466953";"4"
"276727";"2070426769";"10"
"276729";"034545104x";"3"
"276729";"n/a\\\"";"6"
"276729";"0393045218";"8"
"999999";"0393045218";"9"
""".lstrip()
BOOKS = rf"""
"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-M";"Image-URL-L"
"034545104X";"Flesh Tones: A Novel; a \"thriller\"";"M. J. Rose";"2002";"Ballantine Books &amp; Co";{PICTURES}
"078946697X";"DK Readers: How It All Began (Level 4)\"";"Michael Teitelbaum";"2000";"DK Publishing Inc";{PICTURES}
"0789466953";"DK Readers: How Comic Books Come to Life\"";"James Buckley";"2000";"DK Publishing Inc";{PICTURES}
"2070426769";"Peuple du ciel, suivi de 'Les Bergers\"";"Jean-Marie Gustave Le Clézio";"2003";"Gallimard";{PICTURES}
"0393045218";"The "Mummies" of R&D &copy Urumchi";"";"0";NULL;{PICTURES}
"0393045218";"A second line of the same book";"E. J. W. Barber";"1999";"W. W. Norton";{PICTURES}
""".lstrip()
USERS = r"""
"User-ID";"Location";"Age"
"276725";"tyler, texas, usa";NULL
"276726";"cernusco s
, milan, italy";"18"
"276727";"h&#305;s, \"n/a\", são paulo";"239"
"276729";"rijeka, n/a, croatia\";"16"
""".lstrip()


def official(folder, names=LAYOUTS[0], **texts):
    folder.mkdir(exist_ok=True)
    for name, key, text in zip(names, ("ratings", "books", "users"), (RATINGS, BOOKS, USERS), strict=True):
        (folder / name).write_bytes(texts.get(key, text).replace("\n", "\r\n").encode("latin-1"))
    return folder


def rows_of(folder, bad=None):
    pieces = list(BookCrossingSource(path=folder).pieces(None, bad or BadRows(), {}))
    return pl.concat([piece.frame for piece in pieces]).rows(), pieces


def test_cells_are_read_as_they_are_meant(tmp_path):
    rows, pieces = rows_of(official(tmp_path / "bx"))
    xmen = "DK Readers: How It All Began (Level 4)"
    comic = "DK Readers: How Comic Books Come to Life"
    flesh, mummies = 'Flesh Tones: A Novel; a "thriller"', 'The "Mummies" of R&D &copy Urumchi'
    italy, brazil = "cernusco s\n, milan, italy", 'hıs, "n/a", são paulo'
    croatia = "rijeka, n/a, croatia\\"
    assert rows == [
        ("276725", "tyler, texas, usa", None, "034545104X", flesh, "M. J. Rose", "2002", "Ballantine Books & Co", "0"),
        ("276726", italy, "18", "078946697X", xmen + '"', "Michael Teitelbaum", "2000", "DK Publishing Inc", "5"),
        ("276726", italy, "18", "0789466953", comic + '"', "James Buckley", "2000", "DK Publishing Inc", "4"),
        (
            *("276727", brazil, "239", "2070426769", "Peuple du ciel, suivi de 'Les Bergers\""),
            *("Jean-Marie Gustave Le Clézio", "2003", "Gallimard", "10"),
        ),
        ("276729", croatia, "16", "0393045218", mummies, "", "0", None, "8"),
        ("999999", None, None, "0393045218", mummies, "", "0", None, "9"),
    ]
    assert pieces[0].provenance.numbers.tolist() == [1, 2, 4, 5, 8, 9]
    assert pieces[0].schema.names == tuple(pieces[0].frame.columns[:-1])
    assert (pieces[0].label, pieces[0].threshold, pieces[0].timestamp) == ("rating", 5, None)


def test_pieces_follow_one_another(tmp_path, monkeypatch, progress):
    folder = official(tmp_path / "bx")
    whole, _ = rows_of(folder)
    monkeypatch.setattr(bookcrossing, "PIECE_ROWS", 4)
    rows, pieces = rows_of(folder)
    assert rows == whole
    assert [piece.provenance.number(row)[1] for piece in pieces for row in range(piece.frame.height)] == [
        *(1, 2, 4, 5, 8, 9)
    ]
    table = BookCrossingSource(path=folder).read(progress)
    assert table.frame.rows() == whole
    assert table.provenance.place(5) == f"{folder}/BX-Book-Ratings.csv, row 9"


def test_it_is_prepared_by_a_seeded_shuffle(tmp_path, prepare):
    users, books = ("276725", "276726", "276727", "999999"), ("034545104X", "078946697X", "2070426769", "0393045218")
    ratings = [(user, book, (i + j) % 2 * 5) for i, user in enumerate(users) for j, book in enumerate(books)]
    lines = "".join(f'"{user}";"{book}";"{rating}"\n' for user, book, rating in ratings)
    folder = official(tmp_path / "bx", ratings=RATINGS.splitlines(keepends=True)[0] + lines)
    table = prepare({"source": {"kind": "bookcrossing", "path": str(folder)}, "split": {"ratios": [1, 1, 1]}})
    assert table.manifest["order"] == "shuffle"
    texts = table.value_texts[0].to_pylist()
    found = {
        (*(texts[value] for value in row), label * 5)
        for name in ("train", "validation", "test")
        for row, label in zip(
            table.split(name).value_ids[:, [0, 2, 3, 7]].tolist(), table.split(name).labels, strict=True
        )
    }
    ages = dict(zip(users, ("unknown", "18", "239", "unknown"), strict=True))
    houses = dict(zip(books, ("Ballantine Books & Co", "DK Publishing Inc", "Gallimard", "unknown"), strict=True))
    assert found == {(user, ages[user], book, houses[book], rating) for user, book, rating in ratings}


def test_names_without_bx_in_front(tmp_path):
    expected, _ = rows_of(official(tmp_path / "bx"))
    for place, names in enumerate(LAYOUTS[1:]):
        assert rows_of(official(tmp_path / str(place), names))[0] == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"9";"0345";"7";"8"', "line 11: too many cells, 4 where the table has 3 columns"),
        ('"9";"0345', "line 11: a quote is left open"),
        ('"9"', "line 11: too few cells, 1 where the table has 3 columns"),
    ],
)
def test_lines_that_are_no_records(line, message, tmp_path):
    good = '"276725";"0393045218";"1"\n'
    folder = official(tmp_path / "bx", ratings=f"{RATINGS}{line}\n{good}")
    with pytest.raises(ClickPromptError, match=rf"BX-Book-Ratings\.csv, {message}"):
        rows_of(folder)
    bad = BadRows("quarantine", max_share=0.5)
    rows, pieces = rows_of(folder, bad)
    assert rows[-1][3] == "0393045218"
    assert pieces[0].provenance.numbers[-1] == 11  # what stands between them is a row too
    assert [(found.row, found.line, found.content) for found in bad.rows] == [(10, 11, line)]
    assert bad.seen == 11 + 6 + 4  # ratings, books, users


def test_a_line_left_open_does_not_swallow_the_next(tmp_path):
    users = '"User-ID";"Location";"Age"\n"1";"left open\n"2";"whole";"3"\n"4";"in\ntwo";NULL\n'
    file = tmp_path / "users.csv"
    file.write_text(users)
    bad = BadRows("skip", max_share=0.5)
    frame, numbers = read_escaped(InputFile("users.csv", file), ("User-ID", "Location", "Age"), bad)
    assert frame.rows() == [("2", "whole", "3"), ("4", "in\ntwo", None)]
    assert numbers.tolist() == [2, 3]


def test_a_line_of_nothing_but_escapes_does_not_hang(tmp_path):
    file = tmp_path / "users.csv"
    line = '"' + r'\";"a' * 300
    file.write_text(";".join(f'"{name}"' for name in "abcdefgh") + f"\n{line}\n")
    bad = BadRows("skip", max_share=1)
    assert read_escaped(InputFile("users.csv", file), tuple("abcdefgh"), bad)[0].is_empty()
    assert len(bad.rows) == 1


def test_folders_that_are_none(tmp_path, progress):
    with pytest.raises(InputsNotFound, match="nowhere: no such folder"):
        BookCrossingSource(path="nowhere").inputs()
    with pytest.raises(InputsNotFound, match=r"not bookcrossing; expected BX-Book-Ratings\.csv, BX-Books\.csv"):
        BookCrossingSource(path=tmp_path).inputs()
    commas = official(tmp_path / "commas", LAYOUTS[2], ratings=RATINGS.replace(";", ","))
    with pytest.raises(ClickPromptError, match="line 1: expected User-ID;ISBN;Book-Rating in quotes"):
        rows_of(commas)
    with pytest.raises(ClickPromptError, match="no rating is left"):
        rows_of(official(tmp_path / "none", ratings=RATINGS[:30]))


def test_the_archive_fills_the_cache(tmp_path, monkeypatch, progress):
    monkeypatch.setenv("CLICKPROMPT_CACHE", str(tmp_path / "cache"))
    folder = official(tmp_path / "bx")

    def unreachable(request, timeout):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(InputsNotFound, match="not in the cache"):
        BookCrossingSource().inputs()
    with pytest.raises(ClickPromptError, match=r"get http://www2\.informatik\..* by hand, .* \(https://.*no network\)"):
        BookCrossingSource().fetch(progress)

    def download(url, path, sha256, progress):
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)

    monkeypatch.setattr(bookcrossing, "download", download)
    BookCrossingSource().fetch(progress)
    assert [file.path.parent for file in BookCrossingSource().inputs()] == [fetch.cached("bookcrossing")] * 3
