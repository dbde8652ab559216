from __future__ import annotations

import torch

from clickprompt.export.tables import Int8Table


def test_each_number_is_off_by_half_a_step_at_most():
    torch.manual_seed(0)
    weight = torch.randn(500, 7) * torch.logspace(-4, 2, 500).unsqueeze(1)
    table = Int8Table.of(weight, 7)
    step = weight.abs().amax(1, keepdim=True) / 127
    found = table(torch.arange(500))
    assert table.rows.dtype == torch.int8
    assert ((found - weight).abs() <= 0.5001 * step).all()
    assert ((found - weight).abs() > 0.4 * step).any()


def test_numbers_beside_the_embedding_have_a_scale_of_their_own():
    weight = torch.cat([torch.full((2, 4), 0.01), torch.tensor([[300.0], [-7.0]])], dim=1)
    weight[0, 1] = -0.005
    ids = torch.tensor([[0, 1], [1, 1]])
    torch.testing.assert_close(Int8Table.of(weight, 4)(ids), weight[ids], rtol=0.01, atol=0)
    assert not torch.allclose(Int8Table.of(weight, 5)(ids), weight[ids], rtol=0.01, atol=0)


def test_a_row_of_zeros_stays():
    assert (Int8Table.of(torch.zeros(3, 4), 4)(torch.arange(3)) == 0).all()
