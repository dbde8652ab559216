from typing import ClassVar

import numpy as np
import pytest

from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.fi_gnn import FiGNNConfig
from clickprompt.settings import ClickPromptError
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gru(weights: Weights, message: np.ndarray, state: np.ndarray) -> np.ndarray:
    """One node's update; torch keeps the reset, update and candidate weights one under another."""
    reset_in, update_in, new_in = np.split(weights["gru.weight_ih"] @ message + weights["gru.bias_ih"], 3)
    reset_state, update_state, new_state = np.split(weights["gru.weight_hh"] @ state + weights["gru.bias_hh"], 3)
    update = sigmoid(update_in + update_state)
    new = np.tanh(new_in + sigmoid(reset_in + reset_state) * new_state)
    return (1 - update) * new + update * state


class TestFiGNN(CTRModelContract):
    config: ClassVar[FiGNNConfig] = FiGNNConfig(embedding_dim=3, steps=2)

    def edge_weights(self, weights: Weights, e: np.ndarray) -> np.ndarray:
        """Softmax over senders j ≠ i of LeakyReLU(w·(e_i ⊕ e_j)), a row for each receiver i."""
        w = weights["attention.weight"].ravel()  # receiver's part, then sender's
        edges = np.zeros((len(e), len(e)))
        for i in range(len(e)):
            for j in range(len(e)):
                if i != j:
                    score = w @ np.concatenate([e[i], e[j]])
                    edges[i, j] = np.exp(score if score > 0 else 0.01 * score)
            edges[i] /= edges[i].sum()
        return edges

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        states = []
        for e in embeddings:
            edges, h = self.edge_weights(weights, e), e
            for step in range(self.config.steps):
                name = f"graph.{0 if self.config.shared else step}"
                following = np.empty_like(h)
                for i in range(len(e)):
                    message = weights[f"{name}.bias"].copy()
                    for j in range(len(e)):
                        edge = weights[f"{name}.incoming"][i] @ weights[f"{name}.outgoing"][j]
                        message += edges[i, j] * (edge @ h[j])
                    following[i] = gru(weights, message, h[i]) + (e[i] if self.config.residual else 0)
                h = following
            states.append(h.ravel())
        return np.array(states)

    def reference_head(self, weights: Weights, q: np.ndarray) -> np.ndarray:
        logits = np.zeros(len(q))
        for row, states in enumerate(q):
            attention = sigmoid(weights["output.weight.weight"] @ states + weights["output.weight.bias"])
            for weight, state in zip(attention, states.reshape(self.num_fields, -1), strict=True):
                logits[row] += weight * (weights["output.score.weight"][0] @ state + weights["output.score.bias"][0])
        return logits


class TestFiGNNWithoutResidualOrSharing(TestFiGNN):
    config: ClassVar[FiGNNConfig] = FiGNNConfig(embedding_dim=3, steps=3, residual=False, shared=False)


def test_one_field_is_no_graph():
    with pytest.raises(ClickPromptError, match="fi-gnn: a graph needs two fields"):
        build_ctr_model(FiGNNConfig(), num_fields=1, num_embeddings=5)
