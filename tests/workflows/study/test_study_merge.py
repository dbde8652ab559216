from __future__ import annotations

from clickprompt.workflows.study.merge import merged, unfolded


def test_later_settings_lie_over_earlier_ones_section_by_section():
    first = {"finetune": {"epochs": 4, "batch_size": 64}, "seed": 1}
    assert merged(first, {"finetune": {"epochs": 2}}) == {"finetune": {"epochs": 2, "batch_size": 64}, "seed": 1}
    assert first["finetune"]["epochs"] == 4


def test_null_and_lists_replace():
    first = {"pretrain": {"epochs": 1}, "ctr_model": {"hidden_sizes": [8, 8]}}
    assert merged(first, {"pretrain": None, "ctr_model": {"hidden_sizes": [4]}}) == {
        "pretrain": None,
        "ctr_model": {"hidden_sizes": [4]},
    }
    assert merged({"pretrain": None}, {"pretrain": {"epochs": 2}}) == {"pretrain": {"epochs": 2}}


def test_a_section_of_another_kind_or_name_replaces_the_older_whole():
    method = {"method": {"kind": "clickprompt", "prompt": {"length": 2}}}
    assert merged(method, {"method": {"kind": "masked-field"}}) == {"method": {"kind": "masked-field"}}
    assert merged(method, {"method": {"kind": "clickprompt", "alpha": 0.2}})["method"]["prompt"] == {"length": 2}
    language = {"language_model": {"name": "minilm", "layers": 2}}
    assert merged(language, {"language_model": {"name": "roberta-base"}}) == {
        "language_model": {"name": "roberta-base"}
    }
    assert merged(language, {"language_model": {"permute_values": 1}})["language_model"]["layers"] == 2


def test_paths_unfold_into_sections():
    assert unfolded({"a.b": 1, "a.c.d": 2, "e.f": {"g": 3}}) == {"a": {"b": 1, "c": {"d": 2}}, "e": {"f": {"g": 3}}}
