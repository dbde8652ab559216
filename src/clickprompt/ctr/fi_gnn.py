"""FiGNN: fields as nodes of a graph that pass messages along every edge (Li et al., CIKM'19)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes
from clickprompt.settings import ClickPromptError


class FiGNNConfig(CTRModelConfig):
    """FiGNN: a graph neural network over fields, scored field by field."""

    published = published_sizes(steps=[3, 6, 3, 3], residual=True, shared=True)

    kind: Literal["fi-gnn"] = "fi-gnn"
    steps: PositiveInt = 3
    """Rounds of messages; after t of them a node has seen interactions of up to t + 1 fields."""
    residual: bool = True
    """Add the initial state to a node after every step."""
    shared: bool = True
    """One set of edge transformations for all steps, else one a step; the GRU is shared either way."""


class EdgeTransformation(nn.Module):
    """a_i = W_in^i Σ_j A_ij W_out^j h_j + b: the edge j → i has the matrix W_in^i W_out^j.

    Shapes: edges A (batch, fields, fields), states h (batch, fields, dim) → (batch, fields, dim).
    Source: arXiv 1910.05552, edge-wise transformation.
    """

    def __init__(self, num_fields: int, dim: int) -> None:
        super().__init__()
        self.outgoing = nn.Parameter(torch.empty(num_fields, dim, dim).normal_(std=dim**-0.5))
        self.incoming = nn.Parameter(torch.empty(num_fields, dim, dim).normal_(std=dim**-0.5))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, edges: Tensor, states: Tensor) -> Tensor:
        sent = torch.bmm(states.transpose(0, 1), self.outgoing.mT)
        gathered = torch.bmm(edges, sent.transpose(0, 1))
        return torch.baddbmm(self.bias, gathered.transpose(0, 1), self.incoming.mT).transpose(0, 1)


class AttentionalScore(nn.Module):
    """logit = Σ_i a_i ŷ_i, with ŷ_i = w·h_i + b a field's score and a = σ(V q + c) its weight by all fields' states.

    Shapes: q (batch, fields·dim) → (batch, 1). Source: arXiv 1910.05552, eq. 11 to 13.
    """

    def __init__(self, num_fields: int, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, 1)
        self.weight = nn.Linear(num_fields * dim, num_fields)

    def forward(self, q: Tensor) -> Tensor:
        scores = self.score(q.unflatten(1, (self.weight.out_features, -1))).squeeze(-1)
        return (torch.sigmoid(self.weight(q)) * scores).sum(dim=1, keepdim=True)


class FiGNN(CTRModel):
    """h⁰ = e;  hᵗ_i = GRU(hᵗ⁻¹_i, a_i) + e_i;  q = flattened h of the last step, read by an attentional score.

    Edge weights come from the embeddings once: A_ij = softmax over j ≠ i of LeakyReLU(w·(e_i ⊕ e_j)).
    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, fields·embedding_dim).
    Source: arXiv 1910.05552 as FuxiCTR reads it: no self-attention before the graph, weights into a field (not out of
    one) sum to 1, and a field's weight in the score sees all fields.
    """

    diagonal: Tensor

    def __init__(self, config: FiGNNConfig, num_fields: int, num_embeddings: int) -> None:
        if num_fields < 2:
            raise ClickPromptError("fi-gnn: a graph needs two fields and the table has one; choose another ctr_model")
        super().__init__(config, num_fields, num_embeddings)
        dim = config.embedding_dim
        self.steps, self.residual = config.steps, config.residual
        self.attention = nn.Linear(dim, 2, bias=False)
        graphs = 1 if config.shared else config.steps
        self.graph = nn.ModuleList(EdgeTransformation(num_fields, dim) for _ in range(graphs))
        self.gru = nn.GRUCell(dim, dim)
        self.register_buffer("diagonal", torch.eye(num_fields, dtype=torch.bool), persistent=False)
        self.output = AttentionalScore(num_fields, dim)
        self.representation_dim = num_fields * dim

    def edges(self, embeddings: Tensor) -> Tensor:
        """Weights (batch, to field, from field) of the edges; those into a field sum to 1."""
        to, by = self.attention(embeddings).unbind(-1)
        scores = F.leaky_relu(to.unsqueeze(2) + by.unsqueeze(1))
        return torch.softmax(scores.masked_fill(self.diagonal, -torch.inf), dim=-1)

    def interact(self, embeddings: Tensor) -> Tensor:
        edges, states = self.edges(embeddings), embeddings
        for step in range(self.steps):
            messages = self.graph[step % len(self.graph)](edges, states)
            states = self.gru(messages.flatten(0, 1), states.flatten(0, 1)).view_as(embeddings)
            if self.residual:
                states = states + embeddings
        return states.flatten(1)
