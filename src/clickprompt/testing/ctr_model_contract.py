"""What every ID model must pass: subclass it, name a config, and write the formula once more in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from clickprompt.contracts import ListIds, Pooling
from clickprompt.ctr import CTRModel, CTRModelConfig, build_ctr_model

Weights = dict[str, np.ndarray]


class CTRModelContract:
    """Tests shared by all ID models. pytest collects them in each subclass whose name starts with `Test`."""

    config: ClassVar[CTRModelConfig]
    """A small configuration."""
    num_fields: ClassVar[int] = 4
    num_embeddings: ClassVar[int] = 30

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        """q in float64 from the formula, without torch: embeddings (batch, fields, embedding_width) → (batch, D)."""
        raise NotImplementedError

    def reference_head(self, weights: Weights, q: np.ndarray) -> np.ndarray:
        """Logit (batch,) from q (batch, D) in float64; the usual linear head unless a test says otherwise."""
        return q @ weights["output.weight"][0] + weights["output.bias"][0]

    def model(self, pooling: Sequence[Pooling | None] = ()) -> CTRModel:
        """A model in float64 with random weights, large enough that no term of the formula is lost in rounding."""
        torch.manual_seed(0)
        model = build_ctr_model(self.config, self.num_fields, self.num_embeddings, pooling).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.5)
        return model

    def feature_ids(self, rows: int = 7) -> torch.Tensor:
        """Random embedding rows."""
        generator = torch.Generator().manual_seed(1)
        return torch.randint(0, self.num_embeddings, (rows, self.num_fields), generator=generator)

    def test_q_and_logit_equal_the_formula(self) -> None:
        model, ids = self.model(), self.feature_ids()
        weights = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
        q = self.reference(weights, weights["embedding.weight"][ids.numpy()])
        np.testing.assert_allclose(model.representation(ids).detach().numpy(), q, rtol=1e-10, atol=1e-12)
        logit = self.reference_head(weights, q)
        np.testing.assert_allclose(model(ids).detach().numpy(), logit, rtol=1e-10, atol=1e-12)

    def test_lists_enter_as_the_mean_of_their_items(self) -> None:
        pooling: list[Pooling | None] = [None] * self.num_fields
        pooling[-1] = "mean"
        model, ids = self.model(pooling), self.feature_ids()
        items = self.feature_ids(20).flatten()[: 2 * len(ids)]
        lists = (ListIds(self.num_fields - 1, items, torch.arange(0, 2 * len(ids) + 1, 2)),)
        weights = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
        embeddings = weights["embedding.weight"][ids.numpy()]
        embeddings[:, -1] = weights["embedding.weight"][items.numpy()].reshape(len(ids), 2, -1).mean(axis=1)
        q = self.reference(weights, embeddings)
        np.testing.assert_allclose(model.representation(ids, lists).detach().numpy(), q, rtol=1e-10, atol=1e-12)

    def test_shapes(self) -> None:
        model, ids = self.model(), self.feature_ids()
        assert model.representation(ids).shape == (7, model.representation_dim)
        assert model(ids).shape == (7,)

    def test_gradients(self) -> None:
        model = self.model()
        embeddings = torch.randn(
            2, self.num_fields, self.config.embedding_width, dtype=torch.float64, requires_grad=True
        )
        assert torch.autograd.gradcheck(lambda e: model.head(model.interact(e)), embeddings, atol=1e-6)

    def test_every_parameter_learns_and_only_looked_up_rows_do(self) -> None:
        model, ids = self.model(), self.feature_ids()
        model(ids).square().sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        touched = model.embedding.weight.grad.abs().sum(1) > 0  # type: ignore[union-attr]
        assert set(touched.nonzero().flatten().tolist()) <= set(ids.flatten().tolist())

    def test_row_order_and_batch_size_change_no_score(self) -> None:
        model, ids = self.model(), self.feature_ids()
        whole = model(ids)
        one_by_one = torch.cat([model(row[None]) for row in ids])
        torch.testing.assert_close(one_by_one, whole, rtol=1e-12, atol=1e-12)
        order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(2))
        torch.testing.assert_close(model(ids[order]), whole[order], rtol=1e-12, atol=1e-12)

    def test_saved_weights_give_the_same_scores(self, tmp_path: Path) -> None:
        model, ids = self.model(), self.feature_ids()
        save_file(model.state_dict(), tmp_path / "weights.safetensors")
        other = build_ctr_model(self.config, self.num_fields, self.num_embeddings).double()
        other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
        assert torch.equal(other(ids), model(ids))


def numpy_tower(weights: Weights, x: np.ndarray, name: str = "deep") -> np.ndarray:
    """ReLU(W x + b) for each layer of a deep tower, in NumPy."""
    layers = sorted({int(key.split(".")[1]) for key in weights if key.startswith(f"{name}.")})
    for layer in layers:
        x = np.maximum(x @ weights[f"{name}.{layer}.weight"].T + weights[f"{name}.{layer}.bias"], 0)
    return x
