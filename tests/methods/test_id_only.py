from dataclasses import replace

import numpy as np
import torch

from clickprompt.contracts import ClickBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dnn import DNNConfig
from clickprompt.methods import IDOnly


def test_click_loss_is_the_weighted_cross_entropy():
    torch.manual_seed(0)
    method = IDOnly(build_ctr_model(DNNConfig(embedding_dim=3, hidden_sizes=(4,), embedding_std=1.0), 2, 9)).double()
    labels = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    batch = ClickBatch(torch.arange(4), torch.randint(0, 9, (4, 2)), labels)
    p = torch.sigmoid(method(batch).logits).detach().numpy()
    y = labels.numpy()
    losses = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(method.click_loss(batch).item(), losses.sum(), rtol=1e-12)
    assert method.click_amount(batch) == 4
    weighted = replace(batch, weights=torch.tensor([1.0, 2.0, 0.5, 0.0], dtype=torch.float64))
    np.testing.assert_allclose(method.click_loss(weighted).item(), (losses * [1, 2, 0.5, 0]).sum(), rtol=1e-12)
    assert method.click_amount(weighted) == 3.5
