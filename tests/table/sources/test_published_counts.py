from clickprompt.published import read_published
from clickprompt.table import SOURCES


def test_sources_know_what_the_paper_printed():
    sources = {"MovieLens-1M": "movielens-1m", "BookCrossing": "bookcrossing", "Amazon-Toys": "amazon", "GoodReads": "goodreads"}  # fmt: skip # noqa: E501
    for row in read_published(1):
        source = SOURCES[sources.pop(row["dataset"])]()
        published = source.published()
        rows = sum(int(row[split]) for split in ("train", "validation", "test"))
        assert (published.rows, published.features) == (rows, int(row["features"]))
        assert bool(published.note) == (row["dataset"] in ("Amazon-Toys", "GoodReads"))
        assert sum(published.fields.values()) in (0, published.features)
        if published.fields:
            assert tuple(published.fields) == source.schema_.names
    assert not sources


def test_other_settings_are_not_what_was_printed():
    other = {
        "movielens-1m": [{"neutral": "negative"}, {"genres": "all"}],
        "goodreads": [{"totals": "drop"}, {"book_genres": "all"}],
        "amazon": [{"category": "Video_Games"}],
        "movielens-100k": [{}],
    }
    for kind, changes in other.items():
        assert [SOURCES[kind](**change).published() for change in changes] == [None] * len(changes)
