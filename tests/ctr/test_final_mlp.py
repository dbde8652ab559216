from typing import ClassVar

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.final_mlp import FinalMLPConfig
from clickprompt.settings import ClickPromptError
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestFinalMLP(CTRModelContract):
    config: ClassVar[FinalMLPConfig] = FinalMLPConfig(
        embedding_dim=3, hidden_sizes=(8, 4), second_hidden_sizes=(6,), gate_hidden_sizes=(5,), fusion_heads=2
    )

    def gated(self, weights: Weights, name: str, context: tuple[int, ...], embeddings: np.ndarray) -> np.ndarray:
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        rows = []
        for e in embeddings:
            c = np.concatenate([e[place] for place in context]) if context else own["vector"][0]
            hidden = numpy_tower(own, c, "hidden")
            gate = 1 / (1 + np.exp(-(own["gate.weight"] @ hidden + own["gate.bias"])))
            rows.append(e.ravel() * 2 * gate)
        return np.array(rows)

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        first = self.gated(weights, "gate", self.config.context, embeddings)
        second = self.gated(weights, "second_gate", self.config.second_context, embeddings)
        streams = numpy_tower(weights, first), numpy_tower(weights, second, "second_deep")
        return np.concatenate(streams, axis=1)

    def reference_head(self, weights: Weights, q: np.ndarray) -> np.ndarray:
        heads, width = self.config.fusion_heads, self.config.hidden_sizes[-1]
        logits = q @ weights["output.linear.weight"][0] + weights["output.linear.bias"][0]
        for row, streams in enumerate(q):
            pieces = zip(np.split(streams[:width], heads), np.split(streams[width:], heads), strict=True)
            for head, (first, second) in enumerate(pieces):
                logits[row] += first @ weights["output.bilinear"][head] @ second
        return logits


class TestFinalMLPWithContext(TestFinalMLP):
    config: ClassVar[FinalMLPConfig] = FinalMLPConfig(
        embedding_dim=3,
        hidden_sizes=(4,),
        second_hidden_sizes=(4, 4),
        context=(3, 0),
        second_context=(1,),
        gate_hidden_sizes=(),
        fusion_heads=4,
    )


def test_gates_without_context_start_the_same_for_all_rows_and_near_one():
    torch.manual_seed(0)
    model = build_ctr_model(FinalMLPConfig(), num_fields=4, num_embeddings=20)
    gates = model.gate(torch.ones(3, 4, 32))
    torch.testing.assert_close(gates[0], gates[2], rtol=0, atol=0)
    assert (gates - 1).abs().max() < 0.2


def test_heads_must_divide_both_streams():
    with pytest.raises(ValidationError, match="last of second_hidden_sizes, 9, is not a multiple of fusion_heads 8"):
        FinalMLPConfig(second_hidden_sizes=(16, 9))


def test_context_must_be_fields_of_the_table():
    with pytest.raises(ClickPromptError, match="names field 4 and the last of the table is 3"):
        build_ctr_model(FinalMLPConfig(second_context=(4,)), num_fields=4, num_embeddings=20)
