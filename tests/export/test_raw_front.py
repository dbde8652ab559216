"""Raw fields inside an ONNX graph find the embedding rows that the library's vocabulary finds."""

from __future__ import annotations

import json
import math
import unicodedata

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from clickprompt.contracts import Field, TableSchema
from clickprompt.export.raw_front import TEXT_LIMIT, add_raw_front
from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary
from clickprompt.table.buckets import Buckets
from clickprompt.table.hashing import hash_names
from clickprompt.table.vocabulary import field_statistics

WORDS = ["b c", "a", "unknown", "é", "Ωmega", "한국", "x\x00y", "3", "ß", "None", "\u200b"]
SPACE = [chr(code) for code in range(0x110000) if chr(code).isspace()]
EDGES = [-1e300, -1.5, 0.0, 0.1, 3.0, 2.0**53]
FIELDS = [
    (Field(name="word"), WORDS),
    (Field(name="plain", kind="text"), ["a", "b"]),
    (Field(name="crossed", hash_rows=7), hash_names(7)),
    (Field(name="position", score_as=3), ["1", "2", "3"]),
    (Field(name="price", kind="numeric"), hash_names(7)),
    (Field(name="flat", kind="numeric"), ["all"]),
    (Field(name="history", kind="list", max_items=3), WORDS),
    (Field(name="first", kind="list", max_items=2, keep="first"), ["a", "b"]),
    (Field(name="tags", kind="list", separator="|"), WORDS),
    (Field(name="hashed tags", kind="list", separator=", ", hash_rows=5, max_items=2), hash_names(5)),
]
FLAT = {field.name for field, _ in FIELDS if field.separator is not None}
HASHED = {field.name for field, _ in FIELDS if field.hash_rows is not None}


def make_vocabulary(fields=FIELDS):
    """Numbers below all edges have no row of their own; nor have missing ones in the field without edges."""
    schema = TableSchema(fields=tuple(field for field, _ in fields))
    offsets = np.cumsum([0, *(len(texts) for _, texts in fields)])
    buckets = {}
    for place, (field, _) in enumerate(fields):
        rows, outside = list(range(offsets[place], offsets[place + 1])), offsets[-1] + place
        if field.kind == "numeric":
            edges = EDGES if field.name == "price" else []
            buckets[field.name] = Buckets(np.array(edges), np.array([outside, *rows] if edges else [*rows, outside]))
    texts = pa.array([text for _, some in fields for text in some], pa.large_string())
    return Vocabulary(schema, texts, field_statistics(schema, offsets, np.ones(len(texts), np.int64)), buckets)


def ids_model(vocabulary, inner="out"):
    """A model that gives back what it reads, as `inner 0`, `inner 1`, …"""
    lists = [place for place, field in enumerate(vocabulary.schema.fields) if field.kind == "list"]
    names = ["feature_ids", *(f"items_{place}" for place in lists)]
    nodes, outputs = [], []
    for number, name in enumerate(names):
        nodes += [helper.make_node("Neg", [name], [f"{inner}{number}"])]
        nodes += [helper.make_node("Neg", [f"{inner}{number}"], [f"result {name}"])]
        outputs.append(helper.make_tensor_value_info(f"result {name}", TensorProto.INT64, ["rows", None]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", None]) for name in names]
    graph = helper.make_graph(nodes, "ids", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def start(model):
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(columns):
        results = session.run(None, {name: as_input(name, column) for name, column in columns.items()})
        return {
            output.name.removeprefix("result "): r for output, r in zip(session.get_outputs(), results, strict=True)
        }

    return run


def as_input(name, column):
    if isinstance(column, np.ndarray):
        return column
    if name in ("price", "flat"):
        return np.array([math.nan if number is None else number for number in column], np.float64)
    if name in ("history", "first"):
        width = max(map(len, column), default=0)
        return np.array([[*items, *[""] * (width - len(items))] for items in column], object).reshape(
            len(column), width
        )
    return np.array(column, object)


def check(run, vocabulary, columns):
    """Every embedding row is the library's, and lists hold nothing more."""
    found, wanted = run(columns), vocabulary.encode(columns)
    np.testing.assert_array_equal(found["feature_ids"], wanted.feature_ids)
    assert found["feature_ids"].dtype == np.int64
    for place, members in wanted.members.items():
        lists = members.take(wanted.text_codes[:, place])
        expected = np.full((len(lists), lists.lengths.max()), -1)
        expected[lists.owners(), lists.positions()] = lists.rows
        np.testing.assert_array_equal(found[f"items_{place}"], expected)


@pytest.fixture(scope="module")
def vocabulary():
    return make_vocabulary()


@pytest.fixture(scope="module")
def run(vocabulary):
    return start(add_raw_front(ids_model(vocabulary), vocabulary))


UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SPACES = st.text(st.sampled_from(SPACE), max_size=2)
KNOWN = st.sampled_from([*WORDS, *(unicodedata.normalize("NFD", word) for word in WORDS), "", "A", "Unknown"])
TEXTS = st.builds(lambda before, text, after: before + text + after, SPACES, KNOWN | UNICODE, SPACES)
COMPOSED = TEXTS.map(lambda text: unicodedata.normalize("NFC", text))
NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_infinity=False),
    st.sampled_from(
        [near for edge in EDGES for near in (edge, math.nextafter(edge, 1e308), math.nextafter(edge, -1e308))]
    ),
)
CELLS = {
    "word": TEXTS,
    "plain": TEXTS,
    "crossed": COMPOSED,
    "price": NUMBERS,
    "flat": NUMBERS,
    "history": st.lists(TEXTS, max_size=5),
    "first": st.lists(TEXTS, max_size=3),
    "tags": st.lists(TEXTS, max_size=4).map("|".join),
    "hashed tags": st.lists(COMPOSED, max_size=4).map(", ".join),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=6)
MISSING_ROW = {
    name: [] if name in ("history", "first") else None if name in ("price", "flat") else "" for name in CELLS
}


@settings(deadline=None, max_examples=20, phases=(Phase.explicit, Phase.generate))  # to shrink six rows takes minutes
@given(ROWS)
@example([MISSING_ROW])
@example([MISSING_ROW | {"history": ["a", "", " ", "b c", "x", "unknown", "é"], "tags": "||a| |b c"}, MISSING_ROW])
def test_rows_are_those_of_the_library(run, vocabulary, rows):
    check(run, vocabulary, {name: [row[name] for row in rows] for name in CELLS})


def test_thousands_of_rows_at_once(run, vocabulary):
    """Most of them clean, as rows are; those that are not lie among them."""
    random, count = np.random.default_rng(0), 4_000
    texts = np.array([*WORDS, "new", "", "  a", "b c\u3000", "\x85", "u\u0308", "x" * 5_000, " " * 70 + "ß"], object)

    def some():
        return texts[random.choice(len(texts), count, p=[0.9 / len(WORDS)] * len(WORDS) + [0.1 / 8] * 8)]

    def lists(most):
        return [list(texts[random.integers(0, len(texts), length)]) for length in random.integers(0, most, count)]

    columns = {"word": some(), "plain": some(), "crossed": [unicodedata.normalize("NFC", text) for text in some()]}
    columns |= {"history": lists(9), "first": lists(4), "tags": ["|".join(items) for items in lists(5)]}
    columns["hashed tags"] = [", ".join(map(str, items)) for items in random.integers(0, 9, (count, 3))]
    columns["price"] = np.where(random.random(count) < 0.1, np.nan, random.choice([*EDGES, 1e-9, 1e308, 7.25], count))
    columns["flat"] = random.normal(size=count)
    check(run, vocabulary, columns)


def test_exactly_what_python_strips_is_stripped(run, vocabulary):
    near = sorted({chr(ord(space) + step) for space in SPACE for step in (-1, 0, 1)} | set("\ufeff\u180e\x00"))
    cells = [before + "a" + after for char in near for before, after in ((char, ""), ("", char), (char, char))]
    cells += [char + char for char in near]
    found = run({name: [MISSING_ROW[name]] * len(cells) for name in CELLS} | {"plain": cells})["feature_ids"][:, 1]
    start, outside = 11, 60 + 1
    assert found.tolist() == [start if cell.strip() == "a" else outside for cell in cells]
    check(run, vocabulary, {name: [MISSING_ROW[name]] * len(cells) for name in CELLS} | {"plain": cells})


def test_no_rows_at_all(run):
    found = run({name: [] for name in CELLS})
    assert found["feature_ids"].shape == (0, len(FIELDS))
    assert found["items_6"].shape == (0, 1)


def of_one(run, **cells):
    found = run({name: [cells.get(name, MISSING_ROW[name])] for name in CELLS})
    return {field.name: int(found["feature_ids"][0, place]) for place, (field, _) in enumerate(FIELDS)}


def test_spellings_of_accents_that_are_known_and_those_that_are_not():
    vocabulary = make_vocabulary([(Field(name="word"), ["b", "Å", "ệ"])])
    run = start(add_raw_front(ids_model(vocabulary), vocabulary))
    words = ["\u00c5", "A\u030a", "\u212b", "\u1ec7", "e\u0323\u0302", "\u1eb9\u0302"]
    found = run({"word": words})["feature_ids"][:, 0].tolist()
    assert found == [1, 1, 3, 2, 2, 3], "the Angstrom sign and a half-composed letter are in neither usual spelling"
    assert vocabulary.encode({"word": words}).feature_ids[:, 0].tolist() == [1, 1, 1, 2, 2, 2]
    assert "any other" in TEXT_LIMIT


def test_bytes_that_are_no_text_are_unseen_and_spoil_no_other_row():
    vocabulary = make_vocabulary(FIELDS[:3])
    run = start(add_raw_front(ids_model(vocabulary), vocabulary))
    texts = np.array([b"a\xff", b" \xff ", b"\xc3", b" a"])
    found = run({"word": texts, "plain": texts, "crossed": texts})["feature_ids"]
    assert found[:, 0].tolist() == [20, 20, 20, 1]
    assert found[:, 1].tolist() == [21, 21, 21, 11]
    assert (found[:, 2] >= 13).all()
    assert (found[:, 2] < 20).all()


def test_infinite_numbers_fall_into_the_outer_buckets(run):
    outside = 60 + 4
    assert of_one(run, price=math.inf)["price"] == 28
    assert of_one(run, price=-math.inf)["price"] == outside
    assert of_one(run, price=None)["price"] == 29


def test_fields_may_have_the_names_of_values_inside_the_model():
    names = ["feature_ids", "items_3", "out0", "raw.1"]
    fields = [*((Field(name=name), ["a", "b"]) for name in names[:3]), (Field(name="raw.1", kind="list"), ["a"])]
    vocabulary = make_vocabulary(fields)
    run = start(add_raw_front(ids_model(vocabulary), vocabulary))
    found = run({name: ["b"] for name in names[:3]} | {"raw.1": np.array([["x", "a"]], object)})
    assert found["feature_ids"].tolist() == [[1, 3, 5, 10]]
    assert found["items_3"].tolist() == [[10, 6]]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([Field(name="result feature_ids")], "'result feature_ids' has a name that the exported model needs"),
        ([Field(name="a", score_as="x")], "every field has a score_as"),
    ],
)
def test_what_has_no_raw_inputs(fields, reason):
    vocabulary = make_vocabulary([(field, ["x"]) for field in fields])
    with pytest.raises(ClickPromptError, match=reason):
        add_raw_front(ids_model(vocabulary), vocabulary)


def test_weights_that_a_file_adds_keep_their_names():
    vocabulary = make_vocabulary([(Field(name="table"), ["a"]), (Field(name="branch"), ["b"])])
    model = ids_model(vocabulary)
    model.graph.node.append(helper.make_node("Gather", ["table", "feature_ids"], ["found"]))
    with pytest.raises(ClickPromptError, match="'table' has a name that the exported model needs"):
        add_raw_front(model, vocabulary)


def test_values_that_branches_read_are_renamed_with_them():
    vocabulary = make_vocabulary([(Field(name="out0"), ["a", "b"]), (Field(name="inner"), [])])
    model = ids_model(vocabulary)
    results = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", None]) for name in ("inner", "other")]
    branches = [
        helper.make_graph([helper.make_node("Neg", ["out0"], [result.name])], result.name, [], [result])
        for result in results
    ]
    del model.graph.node[1]
    model.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
    outputs = ["result feature_ids"]
    model.graph.node.append(helper.make_node("If", ["yes"], outputs, then_branch=branches[0], else_branch=branches[1]))
    run = start(add_raw_front(model, vocabulary))
    assert run({"out0": ["b", "x"], "inner": ["unknown", ""]})["feature_ids"].tolist() == [[1, 3], [2, 3]]


def test_inputs_and_what_the_file_says_of_them(vocabulary):
    model = ids_model(vocabulary)
    model.metadata_props.add(key="clickprompt", value=json.dumps({"model": "id-only", "inputs": "?"}))
    model = add_raw_front(model, vocabulary)
    shapes = {
        value.name: (value.type.tensor_type.elem_type, [dim.dim_param for dim in value.type.tensor_type.shape.dim])
        for value in model.graph.input
    }
    assert list(shapes) == [field.name for field, _ in FIELDS if field.score_as is None]
    assert shapes["word"] == shapes["tags"] == (TensorProto.STRING, ["rows"])
    assert shapes["history"] == (TensorProto.STRING, ["rows", "items_6"])
    assert shapes["price"] == (TensorProto.DOUBLE, ["rows"])
    (entry,) = model.metadata_props
    content = json.loads(entry.value)
    assert content["model"] == "id-only"
    assert content["inputs"].keys() == shapes.keys()
    assert content["texts"] == TEXT_LIMIT
