"""Raw fields in front of an ONNX model that reads embedding rows: strings and numbers in, the look-up inside."""

from __future__ import annotations

import json

import onnx
from onnx import TensorProto, helper

from clickprompt.contracts import Field, TableSchema
from clickprompt.export.field_rows import FieldRows
from clickprompt.export.front_lists import compact
from clickprompt.export.graph import OPSETS, Graph
from clickprompt.export.ids_onnx import FEATURE_IDS, items_name
from clickprompt.export.metadata import KEY
from clickprompt.export.strip_texts import stripped
from clickprompt.export.value_names import missing_names, rename_values, value_names
from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary

TEXT_LIMIT = (
    "Texts are stripped and looked up as they are. A text with accents is known in its composed (NFC) and in its "
    "decomposed (NFD) spelling; in any other it counts as unseen. Texts of hashed fields must be NFC."
)
"""Where the graph differs from the library, for ONNX has no Unicode normalisation."""


def add_raw_front(model: onnx.ModelProto, vocabulary: Vocabulary) -> onnx.ModelProto:
    """Put the vocabulary before a model with the inputs `feature_ids` and `items_{place}`; changes and returns `model`.

    The new inputs are the fields that take input, by name: categorical and text fields string (rows,); numeric ones
    float64 (rows,), NaN where missing; lists string (rows, items), padded with "", or where the field has a separator
    string (rows,). Empty texts and white space are missing. An integer given as text has no point, as in the library;
    an infinite number, which the library refuses, falls into the last bucket of its side. Texts: `TEXT_LIMIT`.

    Raises ClickPromptError where no field takes input, or one has the name of an output or of a weight kept elsewhere.
    """
    graph, schema = model.graph, vocabulary.schema
    names = value_names(graph)
    _check(schema, graph)
    prefix = "raw."
    while any(name.startswith(prefix) for name in names | set(schema.names)):
        prefix = "_" + prefix
    front = Graph(prefix)
    others = {name: front.new_name() for name in sorted(names & set(schema.names))}
    rename_values(graph, others)
    rows = graph.input[0].type.tensor_type.shape.dim[0].dim_param or "rows"
    inputs = [_input(field, rows, place) for place, field in enumerate(schema.fields) if _takes_input(field)]
    _write_front(front, vocabulary, others)
    nodes = list(graph.node)
    del graph.input[:], graph.node[:]
    graph.input.extend(inputs)
    graph.node.extend([*front.nodes, *nodes])
    for node in graph.node[: len(front.nodes)]:
        if node.output[0] in front.large:
            front.large[node.output[0]](node)
    graph.initializer.extend(front.constants)
    known = {opset.domain for opset in model.opset_import}
    model.opset_import.extend(helper.make_opsetid(*item) for item in OPSETS.items() if item[0] not in known)
    _describe(model, schema)
    return model


def _check(schema: TableSchema, graph: onnx.GraphProto) -> None:
    if not any(map(_takes_input, schema.fields)):
        raise ClickPromptError("every field has a score_as, so the model takes no raw input; export with --ids")
    fixed = {output.name for output in graph.output} | missing_names(graph)
    for field in schema.fields:
        if field.name in fixed and _takes_input(field):
            raise ClickPromptError(f"field {field.name!r} has a name that the exported model needs; export with --ids")


def _takes_input(field: Field) -> bool:
    return field.score_as is None


def _input(field: Field, rows: str, place: int) -> onnx.ValueInfoProto:
    kind = TensorProto.DOUBLE if field.kind == "numeric" else TensorProto.STRING
    is_matrix = field.kind == "list" and field.separator is None
    return helper.make_tensor_value_info(field.name, kind, [rows, items_name(place)] if is_matrix else [rows])


def _write_front(graph: Graph, vocabulary: Vocabulary, others: dict[str, str]) -> None:
    """The nodes from the fields to `feature_ids` and `items_{place}`, or their `others` names where they have one."""
    fields = vocabulary.schema.fields
    read = {place: field for place, field in enumerate(fields) if _takes_input(field)}
    count = graph.op("Shape", next(iter(read.values())).name, start=0, end=1)
    cells = {place: _cells(graph, field) for place, field in read.items() if field.kind != "numeric"}
    flat = [
        graph.op("Reshape", of, graph.constant([-1])) if fields[place].kind == "list" else of
        for place, of in cells.items()
    ]
    texts = dict(zip(cells, stripped(graph, flat), strict=True))
    columns = []
    for place, field in enumerate(fields):
        rows = FieldRows(graph, vocabulary, place)
        if field.score_as is not None:
            columns.append(rows.of_score_as(count))
        elif field.kind == "numeric":
            columns.append(rows.of_numbers(field.name))
        elif field.kind == "list":
            items = graph.op("Reshape", rows.of_items(texts[place]), graph.op("Shape", cells[place]), allowzero=1)
            name = items_name(place)
            compact(graph, items, field, rows.missing, others.get(name, name))
            columns.append(rows.repeated(rows.outside, count))
        else:
            columns.append(rows.of_texts(texts[place]))
    together = graph.op("Reshape", graph.op("Concat", *columns, axis=0), graph.constant([len(fields), -1]))
    graph.op("Transpose", together, perm=[1, 0], output=others.get(FEATURE_IDS, FEATURE_IDS))


def _cells(graph: Graph, field: Field) -> str:
    """Strings of a field: (rows,), of a list (rows, items)."""
    if field.separator is None:
        return field.name
    return graph.ops(
        "StringSplit", field.name, outputs=[graph.new_name(), graph.new_name()], delimiter=field.separator
    )[0]


def _describe(model: onnx.ModelProto, schema: TableSchema) -> None:
    """Name the inputs in the metadata, and what of texts the graph cannot know."""
    inputs = {field.name: _meaning(field) for field in schema.fields if _takes_input(field)}
    content = {"inputs": inputs, "texts": TEXT_LIMIT}
    entry = next((entry for entry in model.metadata_props if entry.key == KEY), None)
    if entry is None:
        entry = model.metadata_props.add(key=KEY, value="{}")
    entry.value = json.dumps({**json.loads(entry.value), **content}, ensure_ascii=False, sort_keys=True)


def _meaning(field: Field) -> str:
    if field.kind == "numeric":
        return "float64 (rows,), NaN where missing"
    if field.kind != "list":
        return 'string (rows,), "" where missing'
    if field.separator is None:
        return 'string (rows, items), "" behind the items of shorter lists'
    return f"string (rows,), items with {field.separator!r} between them"
