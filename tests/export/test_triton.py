from __future__ import annotations

import re

import pytest

from clickprompt.contracts import Field, TableSchema
from clickprompt.export.triton import config_text, new_version, next_version, version_file
from clickprompt.settings import ClickPromptError

SCHEMA = TableSchema(
    fields=(
        Field(name='the "user"'),
        Field(name="price", kind="numeric"),
        Field(name="seen", kind="list"),
        Field(name="tags", kind="list", separator="|"),
        Field(name="position", score_as=1),
    )
)
ROWS_ALONE = "dims: [ 1 ] reshape { shape: [ ] }"


def tensors(text):
    """Name, type and shape of every tensor of a config."""
    return re.findall(r'\{ name: "((?:[^"\\]|\\.)*)" data_type: TYPE_(\w+) (.*) \}', text)


def test_raw_fields_are_inputs():
    assert tensors(config_text("m", SCHEMA, ids=False)) == [
        ('the \\"user\\"', "STRING", ROWS_ALONE),
        ("price", "FP64", ROWS_ALONE),
        ("seen", "STRING", "dims: [ -1 ]"),
        ("tags", "STRING", ROWS_ALONE),
        ("probability", "FP32", ROWS_ALONE),
    ]


def test_embedding_rows_are_inputs():
    assert tensors(config_text("m", SCHEMA, ids=True)) == [
        ("feature_ids", "INT64", "dims: [ 5 ]"),
        ("items_2", "INT64", "dims: [ -1 ]"),
        ("items_3", "INT64", "dims: [ -1 ]"),
        ("probability", "FP32", ROWS_ALONE),
    ]


@pytest.mark.parametrize("ids", [False, True])
def test_triton_reads_the_config(ids):
    config = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    parsed = text_format.Parse(config_text("m", SCHEMA, ids=ids), config.ModelConfig())
    assert (parsed.name, parsed.backend, parsed.max_batch_size) == ("m", "onnxruntime", 4096)
    assert parsed.HasField("dynamic_batching")
    assert [tensor.HasField("reshape") for tensor in parsed.output] == [True]


def add_version(repository, schema=SCHEMA, content=b"x"):
    version = next_version(repository, "m", schema, ids=False)
    with new_version(version, config_text("m", schema, ids=False)) as file:
        assert not version.exists()
        file.write_bytes(content)
    assert version_file(version).read_bytes() == content
    return version.name


def test_versions_count_up_and_an_edited_config_stays(tmp_path):
    assert add_version(tmp_path) == "1"
    config = tmp_path / "m" / "config.pbtxt"
    edited = (
        config.read_text().replace("count: 1", "count: 4") + 'parameters { key: "x" value { string_value: "y" } }\n'
    )
    config.write_text(edited)
    (tmp_path / "m" / "11").mkdir()
    assert add_version(tmp_path) == "12"
    assert config.read_text() == edited


def test_other_inputs_need_another_repository(tmp_path):
    add_version(tmp_path)
    other = SCHEMA.model_copy(update={"fields": SCHEMA.fields[:2]})
    with pytest.raises(ClickPromptError, match=r"config\.pbtxt: describes a model of other inputs"):
        add_version(tmp_path, other)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "config.pbtxt"]


def test_a_version_that_fails_leaves_nothing(tmp_path):
    def fail():
        with new_version(tmp_path / "m" / "1", "config") as file:
            file.write_bytes(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert list((tmp_path / "m").iterdir()) == []
