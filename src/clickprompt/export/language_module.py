"""A model that reads words as one module from embedding rows and padded tokens to probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from clickprompt.bundle import Bundle
from clickprompt.contracts import Prompts
from clickprompt.export.calibrators import curve_of
from clickprompt.export.ids_onnx import FEATURE_IDS, items_name
from clickprompt.export.scoring_module import PaddedCTRModel
from clickprompt.export.tables import FloatTable
from clickprompt.language import PaddedEncoder
from clickprompt.methods import CTRBert, PTab
from clickprompt.methods.blend import Blended
from clickprompt.settings import ClickPromptError

TOKENS = ("input_ids", "attention_mask")


class LanguageModule(nn.Module, ABC):
    """Inputs int64, in the order of `inputs` → probability float32 (rows,), calibrator included."""

    inputs: dict[str, tuple[int | str, ...]]
    """Shape of each input; open sizes by name."""
    ctr: PaddedCTRModel | None
    """Its ID model; None where it has none."""

    @abstractmethod
    def forward(self, *inputs: Tensor) -> Tensor: ...


class SentenceModule(LanguageModule):
    """Methods that read a row as one sentence: blended with an ID model that may write prompts, or alone.

    logit = α·ctr_head(q) + (1 − α)·lm_head(pool(h)), or lm_head(pool(h)) without an ID model.
    Inputs: feature_ids (rows, fields) and, for each list field in schema order, items (rows, most), padded with −1,
    unless there is no ID model; input_ids and attention_mask (rows, tokens), padded at the end.
    """

    def __init__(self, method: Blended | PTab, curve: nn.Module) -> None:
        super().__init__()
        self.inputs = {}
        self.ctr = None
        self.prompts: nn.Module | None = None
        if isinstance(method, Blended):
            self.ctr = PaddedCTRModel(method.ctr, FloatTable(method.ctr.embedding.weight))
            self.prompts, self.alpha = method.prompts, method.alpha
            self.inputs[FEATURE_IDS] = ("rows", method.ctr.num_fields)
            self.inputs |= {(name := items_name(place)): ("rows", name) for place in self.ctr.pooled}
        self.inputs |= dict.fromkeys(TOKENS, ("rows", "tokens"))
        self.encoder = PaddedEncoder(method.language, method.pooling)
        self.head = method.language_head
        self.curve = curve

    def forward(self, *inputs: Tensor) -> Tensor:
        *ids, input_ids, attention_mask = inputs
        if self.ctr is None:
            return self.curve(self._read(input_ids, attention_mask, None))
        q = self.ctr.representation(ids[0], tuple(ids[1:]))
        words = self._read(input_ids, attention_mask, None if self.prompts is None else self.prompts(q))
        return self.curve(self.alpha * self.ctr.head(q) + (1 - self.alpha) * words)

    def _read(self, input_ids: Tensor, attention_mask: Tensor, prompts: Prompts | None) -> Tensor:
        """The language model's logit (rows,)."""
        return self.head(self.encoder(input_ids, attention_mask, prompts)).squeeze(-1)


class SidesModule(LanguageModule):
    """CTR-BERT: the user's and the item's sentence of each row through an encoder each, joined by its perceptron.

    Inputs: user_input_ids, user_attention_mask (rows, user_tokens), item_input_ids, item_attention_mask (rows,
    item_tokens). A user who comes in many rows is read once for each.
    """

    def __init__(self, method: CTRBert, curve: nn.Module) -> None:
        super().__init__()
        self.ctr = None
        self.inputs = {f"{side}_{name}": ("rows", f"{side}_tokens") for side in ("user", "item") for name in TOKENS}
        encoders = method.encoders()
        self.towers = nn.ModuleList(PaddedEncoder(encoder, "cls") for encoder in (encoders[0], encoders[-1]))
        self.head = method.join_head
        self.curve = curve

    def forward(self, *inputs: Tensor) -> Tensor:
        of_sides = [tower(*inputs[2 * side : 2 * side + 2]) for side, tower in enumerate(self.towers)]
        return self.curve(self.head(torch.cat(of_sides, dim=1)).squeeze(-1))


def language_module(bundle: Bundle) -> LanguageModule:
    """The module of a bundle that reads sentences. Raises ClickPromptError for one that reads otherwise."""
    method, curve = bundle.method, curve_of(bundle.calibrator)
    if isinstance(method, Blended | PTab):
        return SentenceModule(method, curve).eval()
    if isinstance(method, CTRBert):
        return SidesModule(method, curve).eval()
    raise ClickPromptError(
        f"{bundle.folder}: {bundle.manifest['method']['kind']} has no exported form; `clickprompt predict` scores "
        "files with it, `clickprompt serve` requests"
    )
