"""Tiny checkpoints, written once, and batches."""

import pytest
import torch
from packed import pack

from clickprompt.contracts import Prompts
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.testing.language_models import FAMILIES, write_tiny_language_model

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Folder of each family; ModernBERT with 4 layers, so that one more than the first is global."""
    root = tmp_path_factory.mktemp("checkpoints")
    layers = {"modernbert": 4}
    return {family: write_tiny_language_model(root / family, family, layers.get(family, 2)) for family in FAMILIES}


@pytest.fixture
def load(checkpoints):
    def load_family(family, **settings):
        return load_language_model(LanguageModelConfig(name=str(checkpoints[family]), **settings))

    return load_family


@pytest.fixture
def batch():
    def make(lengths=(23, 9, 23, 23, 2), seed=0):
        generator = torch.Generator().manual_seed(seed)
        return pack([torch.randint(5, 200, (length,), generator=generator) for length in lengths])

    return make


@pytest.fixture
def prompts():
    def make(encoder, space, rows, length=3, seed=1):
        layers = 1 if space == "first" else encoder.num_layers
        kinds = (2,) if space == "key_value" else ()
        generator = torch.Generator().manual_seed(seed)
        shape = (layers, rows, length, *kinds, encoder.hidden_size)
        return Prompts(space, torch.randn(shape, generator=generator, dtype=torch.float64))

    return make
