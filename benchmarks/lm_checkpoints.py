"""Checkpoints and weights that all contenders of `pa_mlm.py` and `score_with_lm.py` start from."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoTokenizer, BertForMaskedLM, PreTrainedModel, RobertaConfig, RobertaForMaskedLM

from clickprompt.language.quiet import quiet_transformers
from clickprompt.language.source import find_source
from clickprompt.workflows import Data, Recipe
from clickprompt.workflows.build import new_method
from lm_cases import MINILM, ROBERTA

ROBERTA_WORDS = 50_265


def write_checkpoint(folder: Path, model: str) -> None:
    """A masked language model with its head and tokenizer; MiniLM's head is new, for its release has none."""
    location = find_source("minilm").location
    torch.manual_seed(0)
    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(location)
        network: PreTrainedModel
        if model in MINILM:
            shape = AutoConfig.from_pretrained(location)
            shape.num_hidden_layers = MINILM[model]
            network = BertForMaskedLM.from_pretrained(location, config=shape, dtype=torch.float32)
        else:
            layers, width, heads = ROBERTA[model]
            shape = RobertaConfig(
                vocab_size=ROBERTA_WORDS,
                hidden_size=width,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                intermediate_size=4 * width,
                max_position_embeddings=514,
                type_vocab_size=1,
                layer_norm_eps=1e-5,
                pad_token_id=tokenizer.pad_token_id,
                bos_token_id=tokenizer.cls_token_id,
                eos_token_id=tokenizer.sep_token_id,
            )
            network = RobertaForMaskedLM(shape)
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def write_other_weights(file: Path, recipe: Recipe, data: Data) -> dict[str, int]:
    """Weights of all but the language model, drawn from the recipe's seed, under the library's names.

    Returns the model's sizes, and how many numbers the matrices hold that multiply once a row.
    """
    method = new_method(recipe.method, recipe, data)
    weights = {name: tensor for name, tensor in method.state_dict().items() if not name.startswith("language.")}
    save_file(weights, file)
    shape = method.language.model.config
    matrices = [tensor for name, tensor in weights.items() if tensor.ndim == 2 and name != "ctr.embedding.weight"]
    return {
        "layers": shape.num_hidden_layers,
        "width": shape.hidden_size,
        "inner": shape.intermediate_size,
        "words": shape.vocab_size,
        "prompts": method.prompts.config.length,
        "row_weights": sum(tensor.numel() for tensor in matrices),
    }
