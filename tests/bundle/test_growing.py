from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from clickprompt.bundle import Bundle, Predictor, grow_method, load_bundle, read_ages, save_bundle
from clickprompt.bundle.growing import field_means
from clickprompt.contracts import FieldStatistics
from clickprompt.table import grow
from clickprompt.table.lists import factorise_field

NEW = {"user": ["new", "u1"], "city": ["Oslo"] * 2, "item": ["i1", "i9999"], "title": ["x", "y"], "price": [5, 7]}


def grown(bundle: Bundle, start="mean"):
    schema, old = bundle.vocabulary.schema, bundle.vocabulary.statistics
    growth = grow(bundle.vocabulary, [factorise_field(NEW[f.name], f) for f in schema.fields], np.arange(2), 1)
    grow_method(bundle.method, old, growth.vocabulary.statistics, growth.origin, start)
    return growth


@pytest.mark.parametrize("model", ["id-only", "clickprompt-without-lm", "clickprompt-with-lm"])
def test_rows_without_new_values_score_as_before(bundles, model):
    rows = [
        {"user": "u1", "city": "Oslo", "item": "i2", "title": "golden lamp 2", "price": 12.5},
        {"user": "u2", "city": None, "item": "i3", "title": "never seen", "price": None},
    ]
    old = load_bundle(bundles / model)
    before, kept = Predictor(old).predict(rows), old.method.ctr.embedding.weight.detach().clone()
    growth = grown(old)
    new = Bundle(old.folder, old.manifest, old.method, growth.vocabulary, old.language, old.tokenizer)
    assert Predictor(new).predict(rows).tolist() == before.tolist()
    weight = old.method.ctr.embedding.weight
    assert torch.equal(weight[torch.from_numpy(growth.origin >= 0)], kept[growth.origin[growth.origin >= 0]])
    assert weight.requires_grad


def test_new_rows_start_from_their_fields_mean(bundles):
    bundle = load_bundle(bundles / "id-only")
    statistics, weight = bundle.vocabulary.statistics, bundle.method.ctr.embedding.weight.detach().numpy()
    growth = grown(bundle)
    row = growth.vocabulary.rows_of(0, ["new"])[0]
    assert growth.origin[row] == -1
    users = slice(0, statistics.offsets[1])
    expected = (statistics.counts[users, None] * weight[users]).sum(0) / statistics.counts[users].sum()
    np.testing.assert_allclose(bundle.method.ctr.embedding.weight[row].detach(), expected, rtol=1e-5)


def test_new_rows_start_from_their_fields_oov_row_where_asked(bundles):
    bundle = load_bundle(bundles / "id-only")
    outside = bundle.method.ctr.embedding.weight[bundle.vocabulary.statistics.offsets[-1]].tolist()
    growth = grown(bundle, "oov")
    row = growth.vocabulary.rows_of(0, ["new"])[0]
    assert bundle.method.ctr.embedding.weight[row].tolist() == outside


def test_means_of_fields_without_rows_or_counts():
    names, sides = ("a", "b", "c"), ("user",) * 3
    statistics = FieldStatistics(names, sides, np.array([0, 2, 4, 4]), np.array([3, 1, 0, 0]))
    weight = torch.arange(14.0).reshape(7, 2)
    assert field_means(weight, statistics).tolist() == [[0.5, 1.5], [5, 6], [12, 13]]


def test_ages_are_kept_and_older_bundles_have_none(bundles, tmp_path):
    bundle = load_bundle(bundles / "id-only")
    count = len(bundle.vocabulary.texts)
    assert read_ages(bundle.folder, count).tolist() == [0] * count
    copy = shutil.copytree(bundle.folder, tmp_path / "copy")
    saved = load_bundle(copy)
    from clickprompt.methods import IDOnlyConfig

    config = saved.method.ctr.config
    ages = np.arange(count)
    kept = {"method_config": IDOnlyConfig(), "ctr_config": config, "vocabulary": saved.vocabulary}
    save_bundle(copy, saved.method, **kept, value_ages=ages)
    assert read_ages(copy, count).tolist() == ages.tolist()
    content = (copy / "value_ages.npy").read_bytes()
    (copy / "value_ages.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Exception, match=r"value_ages.npy: changed since it was written"):
        load_bundle(copy)
