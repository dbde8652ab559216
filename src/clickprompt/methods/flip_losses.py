"""FLIP's pretraining heads: hidden words recovered from ids, hidden ids from words, and rows told apart by both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, FieldStatistics, MaskedTokens, TokenBatch
from clickprompt.ctr import CTRModel
from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.methods.contrast import contrast
from clickprompt.methods.method import in_full
from clickprompt.methods.negatives import Negatives

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead
    from clickprompt.methods.flip import FLIPConfig

VALUE_DIM, CONTRAST_DIM = 32, 128
"""Widths of a candidate value's vector, and of what contrast compares."""


class MaskedLanguage(nn.Module):
    """Each hidden word of a sentence is recovered from its state h and the row's q, of intact ids.

    L = −(1/n) Σ_i log softmax(head(tanh(W (h_i ⊕ q_i) + b)))[w_i], head the checkpoint's own over its vocabulary: it
    knows the words already, and a new matrix as large as the vocabulary is not needed.
    Shapes: h (hidden, d), q (batch, representation_dim) → scalar.
    """

    def __init__(self, width: int, representation_dim: int) -> None:
        super().__init__()
        self.fuse = nn.Linear(width + representation_dim, width)

    def forward(
        self, states: Tensor, q: Tensor, tokens: TokenBatch, hidden: MaskedTokens, head: MaskedTokenHead
    ) -> Tensor:
        row = torch.searchsorted(tokens.starts, hidden.positions, right=True) - 1
        logits = head(torch.tanh(self.fuse(torch.cat([states, q.index_select(0, row)], dim=1))))
        return F.cross_entropy(in_full(logits), hidden.targets, reduction="sum") / max(1, len(hidden.targets))


class MaskedTable(nn.Module):
    """Each hidden id of a row is recovered from q, of the row without it, and from the words of the intact sentence.

    a = Σ_t softmax_t(⟨W q, h_t⟩/√d) h_t over the sentence's states;  x_f = the f-th part of V (a ⊕ q) + c.
    Noise-contrastive estimation (Gutmann & Hyvärinen, AISTATS'10): with K values drawn from the noise n, the training
    frequency, Δ_v = s_v − log(K·n_v) is the log odds that v is the hidden value and not noise, and
    L = (1/m) Σ_hidden [−log σ(Δ_v) − Σ_k log σ(−Δ_{v_k})]. s_v = ⟨x_f, w_v⟩ + b_v + log n_v: a value's bias is
    counted from log n_v, so that training begins at the frequencies, and n cancels: Δ_v = ⟨x_f, w_v⟩ + b_v − log K.

    Shapes: q (batch, representation_dim), h (tokens, d) → scalar; w ⊕ b (values, 33).
    """

    def __init__(self, width: int, ctr: CTRModel, statistics: FieldStatistics, config: FLIPConfig) -> None:
        super().__init__()
        self.config = config
        masks = 1 if config.shared_mask else ctr.num_fields
        self.mask_vectors = nn.Parameter(torch.zeros(masks, ctr.config.embedding_width))
        self.query = nn.Linear(ctr.representation_dim, width)
        self.recover = nn.Linear(width + ctr.representation_dim, ctr.num_fields * VALUE_DIM)
        self.candidates = EmbeddingTable(int(statistics.offsets[-1]), VALUE_DIM + 1, ctr.config.embedding_std)
        self.values = Negatives(statistics)

    def hide(self, embeddings: Tensor, hidden: Tensor) -> Tensor:
        """Embeddings (batch, fields, embedding_width) with the mask vector where `hidden`, bool (batch, fields)."""
        return torch.where(hidden.unsqueeze(-1), self.mask_vectors, embeddings)

    def forward(self, q: Tensor, states: Tensor, batch: ClickBatch, tokens: TokenBatch, hidden: Tensor) -> Tensor:
        read = attend(self.query(q), states, tokens.runs)
        recovered = self.recover(torch.cat([read, q], dim=1)).unflatten(1, (-1, VALUE_DIM))
        rows, fields = hidden.nonzero(as_tuple=True)
        values = torch.cat([batch.feature_ids[rows, fields].unsqueeze(1), self.sample(fields)], dim=1)
        vector = F.pad(recovered[rows, fields], (0, 1), value=1.0)  # meets each candidate's bias
        odds = in_full((self.candidates(values) @ vector.unsqueeze(-1)).squeeze(-1)) - math.log(self.config.negatives)
        loss = F.softplus(-odds[:, 0]).sum() + F.softplus(odds[:, 1:]).sum()
        return loss / max(1, len(rows))

    def sample(self, fields: Tensor) -> Tensor:
        """Noise for each hidden value: int64 (hidden, negatives)."""
        if self.config.negatives_from == "field":
            return self.values.within(fields, self.config.negatives)
        return self.values.over_all(len(fields), self.config.negatives)


class InstanceContrast(nn.Module):
    """L = contrast(A q, B h_[CLS])/batch at temperature τ: a row's ids and words, both intact, find each other.

    Shapes: q (batch, representation_dim), first states (batch, d) → scalar.
    """

    def __init__(self, width: int, representation_dim: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.of_ids = nn.Linear(representation_dim, CONTRAST_DIM)
        self.of_words = nn.Linear(width, CONTRAST_DIM)

    def forward(self, q: Tensor, first: Tensor) -> Tensor:
        return contrast(self.of_ids(q), self.of_words(first), self.temperature) / max(1, len(q))


def attend(queries: Tensor, states: Tensor, runs: tuple[tuple[int, int], ...]) -> Tensor:
    """Σ_t softmax_t(⟨query, h_t⟩/√d) h_t within each sentence: (batch, d), (tokens, d) → (batch, d)."""
    sizes = [count * length for count, length in runs]
    read = []
    for query, run, (count, _) in zip(
        queries.split([count for count, _ in runs]), states.split(sizes), runs, strict=True
    ):
        of_row = run.unflatten(0, (count, -1))
        scores = of_row @ query.unsqueeze(-1) * query.shape[1] ** -0.5
        read.append((scores.softmax(dim=1).transpose(1, 2) @ of_row).squeeze(1))
    return torch.cat(read) if read else queries
