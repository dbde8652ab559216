"""Peak memory of training steps of a RoBERTa-shaped encoder with random weights, by what is tuned.

    python benchmarks/lm_memory.py --shape roberta-large --sentences 64 --tuning lora --checkpointing

One process, one case: sentences of 49 tokens with 3 prompts a layer, mean pooling, two steps of AdamW. Prints one
line of JSON: bytes are the process's largest resident set, PyTorch and all; seconds are the second step's.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from contextlib import ExitStack

import torch

from clickprompt.contracts import Prompts, TokenBatch
from clickprompt.language import adapted, build_encoder, pool, untrained
from clickprompt.language.checkpointing import checkpoint_activations
from clickprompt.language.config import FullTuning, LoRATuning
from lm_cases import ROBERTA

TOKENS, PROMPTS = 49, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=ROBERTA, default="roberta-base")
    parser.add_argument("--sentences", type=int, default=8)
    parser.add_argument("--tuning", choices=("full", "lora"), default="full")
    parser.add_argument("--checkpointing", action="store_true")
    options = parser.parse_args()
    layers, width, heads = ROBERTA[options.shape]
    tuning = LoRATuning() if options.tuning == "lora" else FullTuning()
    encoder = build_encoder(
        {
            "model_type": "roberta",
            "vocab_size": 50_265,
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "max_position_embeddings": 514,
            "type_vocab_size": 1,
        }
    ).train()
    if options.checkpointing:
        checkpoint_activations(encoder.model)
    rows = options.sentences
    places = torch.arange(TOKENS).repeat(rows)
    ids = torch.randint(5, 50_000, (rows * TOKENS,))
    tokens = TokenBatch(ids, places, TOKENS * torch.arange(rows), ((rows, TOKENS),))
    prompts = Prompts("key_value", torch.randn(layers, rows, PROMPTS, 2, width, requires_grad=True))
    with ExitStack() as stack:
        if isinstance(tuning, LoRATuning):
            stack.enter_context(adapted(encoder, tuning))
        for parameter in untrained(tuning, encoder, encoder.parameters()):
            parameter.requires_grad_(False)
        trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, fused=True)
        for _ in range(2):  # AdamW's moments are there from the second step on
            started = time.perf_counter()
            pool(encoder(tokens, prompts), tokens, "mean").square().sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seconds = time.perf_counter() - started
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = {"parameters": sum(p.numel() for p in encoder.parameters()), "trained": sum(p.numel() for p in trained)}
    print(json.dumps({**vars(options), **sizes, "peak_bytes": peak, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
