import pytest
import torch

from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dnn import DNNConfig


def test_linear_layers_start_from_he_and_the_table_narrow():
    torch.manual_seed(0)
    model = build_ctr_model(DNNConfig(embedding_dim=16, hidden_sizes=(400, 300)), 8, 5000)
    for layer, fan_in in ((model.deep[0], 128), (model.deep[2], 400)):
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
        assert not layer.bias.any()
    assert model.embedding.weight.std().item() == pytest.approx(1e-3, rel=0.02)


def test_signal_keeps_its_size_through_a_deep_tower():
    torch.manual_seed(0)
    model = build_ctr_model(DNNConfig(hidden_sizes=(256,) * 6), 8, 10)
    q = model.interact(torch.randn(500, 8, 32))
    assert 0.5 < q.square().mean().sqrt() < 2
