"""What the ClickPrompt paper printed of its data sets (arXiv 2310.09234, table 1), all three splits together."""

from clickprompt.table.sources.base import PublishedCounts

_SOURCE = "ClickPrompt, table 1"

MOVIELENS_1M = PublishedCounts(
    rows=739_012,
    features=17_251,
    fields={
        "User ID": 6_040,
        "Gender": 2,
        "Age": 7,
        "Occupation": 21,
        "Zipcode": 3_439,
        "Movie ID": 3_883,
        "Movie title": 3_841,
        "Movie genre": 18,
    },
    source=_SOURCE,
)
BOOKCROSSING = PublishedCounts(rows=1_031_171, features=722_234, fields={}, source=_SOURCE)
AMAZON_TOYS = PublishedCounts(
    rows=1_862_228,
    features=371_813,
    fields={},
    source=_SOURCE,
    note="the paper does not say how its rows were chosen, and no rule is known by which the public files give them",
)
GOODREADS = PublishedCounts(
    rows=20_122_040,
    features=4_565_450,
    fields={},
    source=_SOURCE,
    note="the paper does not say how its rows were chosen, and no rule is known by which the public files give them",
)
