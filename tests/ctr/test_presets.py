import pytest
from pydantic import ValidationError

from clickprompt.ctr import CTR_MODELS
from clickprompt.ctr.dcn_v2 import DCNv2Config


def test_a_preset_fills_only_what_is_not_set():
    config = DCNv2Config(preset="goodreads", cross_layers=2)
    assert (config.embedding_dim, config.cross_layers, config.hidden_sizes) == (16, 2, (512,) * 6)


def test_a_preset_survives_saving():
    config = DCNv2Config(preset="amazon-toys", embedding_dim=3)
    assert DCNv2Config.model_validate(config.model_dump(mode="json")) == config


def test_every_model_has_sizes_for_every_data_set():
    for config in CTR_MODELS.values():
        for data_set, sizes in config.published.items():
            built = config(preset=data_set).model_dump()
            assert {name: built[name] for name in sizes} == sizes


def test_a_preset_that_is_no_name_is_refused():
    with pytest.raises(ValidationError, match="preset"):
        DCNv2Config(preset=["goodreads"])
