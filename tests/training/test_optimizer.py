import torch
from torch import nn

from clickprompt.training import TrainingConfig, build_optimizer


def test_each_part_has_its_rate_and_vectors_do_not_decay():
    ctr, language = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = build_optimizer(
        {"ctr": ctr.parameters(), "language": language.parameters()},
        {"ctr": 1e-3, "language": 5e-5},
        TrainingConfig(weight_decay=0.1),
    )
    groups = {
        (group["part"], group["params"][0].ndim): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
    }
    assert groups == {
        ("ctr", 2): (1e-3, 0.1),
        ("ctr", 1): (1e-3, 0.0),
        ("language", 2): (5e-5, 0.1),
        ("language", 1): (5e-5, 0.0),
    }


def test_rate_zero_freezes_a_part():
    ctr, language = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = build_optimizer(
        {"ctr": ctr.parameters(), "language": language.parameters()}, {"ctr": 1.0, "language": 0.0}, TrainingConfig()
    )
    assert not any(parameter.requires_grad for parameter in language.parameters())
    before = language.weight.clone()
    (language(ctr(torch.ones(1, 3)).repeat(1, 2)[:, :3])).sum().backward()
    optimizer.step()
    assert torch.equal(language.weight, before)
    assert language.weight.grad is None
