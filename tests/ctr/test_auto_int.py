import numpy as np
import pytest
from pydantic import ValidationError

from clickprompt.ctr.auto_int import AutoIntConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestAutoInt(CTRModelContract):
    config = AutoIntConfig(embedding_dim=3, attention_layers=2, heads=2, attention_dim=4, hidden_sizes=(6,))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        fields = embeddings
        for layer in range(self.config.attention_layers):
            fields = self.interacting_layer(weights, layer, fields)
        deep = numpy_tower(weights, embeddings.reshape(len(embeddings), -1))
        return np.concatenate([fields.reshape(len(fields), -1), deep], axis=1)

    def interacting_layer(self, weights: Weights, layer: int, fields: np.ndarray) -> np.ndarray:
        width, heads = self.config.attention_dim, self.config.heads
        query, key, value = np.split(weights[f"attention.{layer}.query_key_value.weight"], 3)
        out = np.zeros((*fields.shape[:2], width))
        for row, e in enumerate(fields):
            for head in range(heads):
                part = slice(head * width // heads, (head + 1) * width // heads)
                scores = (e @ query[part].T) @ (e @ key[part].T).T
                if self.config.scaled:
                    scores = scores / np.sqrt(width / heads)
                shares = np.exp(scores - scores.max(axis=1, keepdims=True))
                shares = shares / shares.sum(axis=1, keepdims=True)
                out[row, :, part] = shares @ (e @ value[part].T)
            if self.config.residual:
                out[row] += e @ weights[f"attention.{layer}.residual.weight"].T
        return np.maximum(out, 0)


class TestAutoIntScaledWithoutResidual(TestAutoInt):
    config = AutoIntConfig(
        embedding_dim=3, attention_layers=2, heads=2, attention_dim=4, hidden_sizes=(6,), scaled=True, residual=False
    )


def test_heads_must_divide_the_width():
    with pytest.raises(ValidationError, match="attention_dim 32 is not a multiple of heads 3"):
        AutoIntConfig(heads=3)
