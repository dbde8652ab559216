"""FLIP: an ID model and a language model recover what is hidden from the other (Wang et al., RecSys'24)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import torch
from pydantic import Field as Setting
from pydantic import PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from clickprompt.contracts import ChosenTokens, ClickBatch, Hidden, MaskedTokens, TokenBatch
from clickprompt.ctr import CTRModel
from clickprompt.language import PoolingName, Tuning
from clickprompt.methods.blend import Blended, BlendedConfig
from clickprompt.methods.flip_losses import InstanceContrast, MaskedLanguage, MaskedTable
from clickprompt.methods.method import Pretrainable
from clickprompt.methods.parts import Parts
from clickprompt.methods.words import words_of

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class FLIPConfig(BlendedConfig):
    """FLIP: ID model and language model recover each other's hidden fields; served as one of them or both."""

    hides: ClassVar[tuple[Hidden, ...]] = ("values", "fields")
    whole_batches: ClassVar[bool] = True

    kind: Literal["flip"] = "flip"
    mlm: bool = True
    """Masked language modelling: words of hidden values are recovered from the row's ids."""
    mtm: bool = True
    """Masked tabular modelling: hidden ids are recovered from the row's sentence."""
    icl: bool = True
    """Instance contrast: ids and sentence of a row are told from those of the other rows of the batch."""
    negatives: PositiveInt = 25
    """Values drawn by training frequency that each hidden id is told from."""
    negatives_from: Literal["field", "all"] = "field"
    """Whose values they are: the hidden field's own, or any field's, as the authors' code has it."""
    shared_mask: bool = False
    """One vector stands for hidden ids of all fields, as in the authors' code, instead of one for each field."""
    temperature: PositiveFloat = Setting(default=0.7, allow_inf_nan=False)
    """τ of instance contrast."""

    @model_validator(mode="after")
    def _something_is_learned(self) -> Self:
        if not (self.mlm or self.mtm or self.icl):
            raise ValueError("mlm, mtm and icl are all off, so pretraining would learn nothing; leave one on")
        return self


class FLIP(Blended, Pretrainable):
    """Pretraining: L = MLM + MTM + ICL, each a mean over what it recovers or tells apart. Then both logits are blended.

    Fields are hidden on either side by draws of their own: words of hidden values become mask tokens, embeddings of
    hidden ids a learned mask vector. MLM reads masked words and intact ids, MTM masked ids and intact words, ICL both
    intact. Losses: see `flip_losses`. Source: arXiv 2310.19453, section 3.
    """

    def __init__(
        self,
        config: FLIPConfig,
        ctr: CTRModel,
        encoder: PromptedEncoder,
        pooling: PoolingName,
        tuning: Tuning | None = None,
    ) -> None:
        super().__init__(config, ctr, encoder, pooling, tuning)
        self.config = config
        self.masked_language: MaskedLanguage | None = None
        self.masked_table: MaskedTable | None = None
        self.instance_contrast: InstanceContrast | None = None

    def add_pretraining_heads(self, parts: Parts) -> None:
        width, ctr = self.language.hidden_size, self.ctr
        if self.config.mlm:
            super().add_pretraining_heads(parts)
            self.masked_language = MaskedLanguage(width, ctr.representation_dim)
        if self.config.mtm:
            self.masked_table = MaskedTable(width, ctr, parts.statistics, self.config)
        if self.config.icl:
            self.instance_contrast = InstanceContrast(width, ctr.representation_dim, self.config.temperature)

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """(MLM + MTM + ICL) · rows: all rows of a step pass at once, so divided by them it is the sum of means again.

        Raises ValueError for a batch in which nothing was hidden.
        """
        tokens, (hidden, hidden_fields) = words_of(batch), _hidden(batch)
        of_hidden, of_intact = self._read(tokens, hidden)
        embeddings = self.ctr.embed(batch.feature_ids, batch.lists)
        losses = []
        if self.masked_table is not None:
            q_of_rest = self.ctr.interact(self.masked_table.hide(embeddings, hidden_fields))
            losses.append(self.masked_table(q_of_rest, of_intact, batch, tokens, hidden_fields))
        if self.config.mlm or self.config.icl:
            q = self.ctr.interact(embeddings)
            if self.masked_language is not None and self.masked_token_head is not None:
                losses.append(self.masked_language(of_hidden, q, tokens, hidden, self.masked_token_head))
            if self.instance_contrast is not None:
                first = of_intact.index_select(0, tokens.starts) if self.config.mtm else of_intact
                losses.append(self.instance_contrast(q, first))
        return torch.stack(losses).sum() * len(batch)

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return float(len(batch))

    def _read(self, tokens: TokenBatch, hidden: MaskedTokens) -> tuple[Tensor, Tensor]:
        """Last states of the hidden words in the masked sentences, and in the intact ones of all words, or of the first
        where contrast alone reads them; both kinds of sentences pass through the encoder together."""
        passes: list[tuple[TokenBatch, ChosenTokens]] = []
        if self.config.mlm:
            passes.append((tokens, hidden))
        if self.config.mtm or self.config.icl:
            every = torch.arange(len(tokens.ids), device=tokens.ids.device)
            chosen = ChosenTokens(every, tokens.longest) if self.config.mtm else ChosenTokens(tokens.starts, 1)
            passes.append((replace(tokens, ids=tokens.ids.index_copy(0, hidden.positions, hidden.targets)), chosen))
        sentences, wanted = _end_to_end(passes)
        states = self.language(sentences, chosen=wanted).last
        of_hidden = len(hidden.positions) if self.config.mlm else 0
        return states[:of_hidden], states[of_hidden:]


def _end_to_end(passes: list[tuple[TokenBatch, ChosenTokens]]) -> tuple[TokenBatch, ChosenTokens]:
    """Several batches of sentences, and what is wanted of each, as one."""
    together, wanted = passes[0]
    for tokens, chosen in passes[1:]:
        before = len(together.ids)
        together = TokenBatch(
            torch.cat([together.ids, tokens.ids]),
            torch.cat([together.places, tokens.places]),
            torch.cat([together.starts, tokens.starts + before]),
            together.runs + tokens.runs,
        )
        positions = torch.cat([wanted.positions, chosen.positions + before])
        wanted = ChosenTokens(positions, max(wanted.most, chosen.most))
    return together, wanted


def _hidden(batch: ClickBatch) -> tuple[MaskedTokens, Tensor]:
    if batch.masked is None or batch.masked_fields is None:
        raise ValueError("FLIP's pretraining needs a batch with hidden values and hidden ids")
    return batch.masked, batch.masked_fields
