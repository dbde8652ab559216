"""The sizes and the training that `ctr_quality.py` gives to both sides: ours and FuxiCTR's names for the same numbers.

Small enough that twelve models with three seeds train in an hour on one core.
"""

from __future__ import annotations

from typing import Any

EMBEDDING_DIM = 16
BATCH_SIZE = 1024
EPOCHS = 3
LEARNING_RATE = 1e-3
"""Of Adam, without weight decay, regularizers, schedule or dropout, on both sides."""

_TOWER = [128, 128, 128]

OURS: dict[str, dict[str, Any]] = {
    "fm": {"first_order": True},
    "dnn": {"hidden_sizes": _TOWER},
    "deep-fm": {"hidden_sizes": _TOWER, "first_order": True},
    "x-deep-fm": {"hidden_sizes": _TOWER, "cin_layers": [16, 16], "first_order": True},
    "ipnn": {"hidden_sizes": _TOWER},
    "dcn": {"hidden_sizes": _TOWER, "cross_layers": 3},
    "auto-int": {"hidden_sizes": _TOWER, "attention_layers": 2, "attention_dim": 32, "heads": 2},
    "fi-gnn": {"steps": 2},
    "fgcnn": {"hidden_sizes": _TOWER, "channels": [6, 8], "kernel_height": 7, "pooling": 2, "recombined": 3},
    "dcn-v2": {"hidden_sizes": _TOWER, "cross_layers": 3},
    "final-mlp": {"hidden_sizes": _TOWER, "second_hidden_sizes": _TOWER, "gate_hidden_sizes": [64], "fusion_heads": 2},
    "gdcn": {"hidden_sizes": _TOWER, "cross_layers": 3},
}
"""Config of each of our models, beside `kind` and `embedding_dim`."""

FUXICTR: dict[str, dict[str, Any]] = {
    "fm": {},
    "dnn": {"hidden_units": _TOWER},
    "deep-fm": {"hidden_units": _TOWER},
    "x-deep-fm": {"hidden_units": _TOWER, "cin_hidden_units": [16, 16]},
    "ipnn": {"hidden_units": _TOWER},
    "dcn": {"hidden_units": _TOWER, "num_cross_layers": 3},
    "auto-int": {"dnn_hidden_units": _TOWER, "attention_layers": 2, "attention_dim": 32, "num_heads": 2},
    "fi-gnn": {"gnn_layers": 2, "reuse_graph_layer": True},
    "fgcnn": {
        "dnn_hidden_units": _TOWER,
        "channels": [6, 8],
        "kernel_heights": 7,
        "pooling_sizes": 2,
        "recombined_channels": 3,
        "conv_batch_norm": False,
    },
    "dcn-v2": {"hidden_units": _TOWER, "num_cross_layers": 3},
    "final-mlp": {"hidden_units": _TOWER, "fs_hidden_units": [64], "num_heads": 2},
    "gdcn": {"dnn_hidden_units": _TOWER, "num_cross_layers": 3},
}
"""The same for the peer."""
