"""The limit of `ctr_training.py`: a bare loop over tensors in memory, eager, float32, fused AdamW over all weights.

Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from itertools import count, pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from speed_cases import CROSS_LAYERS, EMBEDDING_DIM, FIELDS, HIDDEN_SIZES, LEARNING_RATE, read_case
from stopwatch import Enough, Stopwatch


class DCNv2(nn.Module):
    """Cross layers beside a tower, over one table."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        width = FIELDS * EMBEDDING_DIM
        self.table = nn.Embedding(rows, EMBEDDING_DIM)
        nn.init.normal_(self.table.weight, std=0.01)
        self.cross = nn.ModuleList(nn.Linear(width, width) for _ in range(CROSS_LAYERS))
        widths = pairwise((width, *HIDDEN_SIZES))
        self.tower = nn.Sequential(*(part for sizes in widths for part in (nn.Linear(*sizes), nn.ReLU())))
        self.head = nn.Linear(width + HIDDEN_SIZES[-1], 1)

    def forward(self, ids: Tensor) -> Tensor:
        x0 = x = self.table(ids).flatten(1)
        for layer in self.cross:
            x = torch.addcmul(x, x0, layer(x))
        return self.head(torch.cat([x, self.tower(x0)], dim=1)).squeeze(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    case, ids, labels = read_case(options.folder)
    all_ids = (torch.tensor(ids).long() + case.per_field * torch.arange(FIELDS)).to(options.device)
    all_labels = torch.tensor(labels).to(options.device)
    torch.manual_seed(0)
    model = DCNv2(case.per_field * FIELDS).to(options.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    watch = Stopwatch(options.seconds, torch.cuda.synchronize if options.device == "cuda" else lambda: None)
    try:
        for _ in count():
            order = torch.randperm(len(all_ids), device=options.device)
            for rows in order.split(case.batch):
                binary_cross_entropy_with_logits(model(all_ids[rows]), all_labels[rows]).backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                watch.step(case.batch)
    except Enough:
        print(json.dumps(watch.record() | {"version": torch.__version__}))


if __name__ == "__main__":
    main()
