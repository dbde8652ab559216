"""One optimizer for a whole method: AdamW for its layers, and what suits its size for each embedding table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from clickprompt.contracts import LookupTable
from clickprompt.settings import ClickPromptError
from clickprompt.training.config import TrainingConfig
from clickprompt.training.idle_steps import Adam
from clickprompt.training.row_optimizer import RowOptimizer
from clickprompt.training.rowwise_adagrad import RowwiseAdagrad
from clickprompt.training.sparse_adamw import SparseAdamW
from clickprompt.training.state import State

LARGE_TABLE = {"cpu": 1 << 21, "cuda": 1 << 27}
"""Numbers of a table from which on `auto` goes by rows; on the CPU where both took the same time when measured."""


class MethodOptimizer:
    """AdamW over layers and small tables; a row-wise optimizer for each table that has one."""

    def __init__(self, groups: list[dict[str, Any]], tables: list[RowOptimizer]) -> None:
        # Each group keeps its `base_lr`, of which a schedule takes a share.
        self.dense = torch.optim.AdamW(groups, fused=True) if groups else None
        self.tables = tables
        self._table_rates = [table.rate for table in tables]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of the layers' AdamW."""
        return [] if self.dense is None else self.dense.param_groups

    @property
    def learning_rate(self) -> float:
        """Of the first group, for the log."""
        return float(self.param_groups[0]["lr"]) if self.param_groups else self.tables[0].rate

    def scale_rates(self, factor: float) -> None:
        """Set every learning rate to this share of its base."""
        for group in self.param_groups:
            group["lr"] = group["base_lr"] * factor
        for table, rate in zip(self.tables, self._table_rates, strict=True):
            table.rate = rate * factor

    def clip(self, largest: float | None) -> Tensor:
        """The norm of all gradients together, a scalar; where there is a `largest`, they are scaled down to it."""
        held = [parameter for group in self.param_groups for parameter in group["params"]]
        held += [rows for table in self.tables for rows in table.gradients()]
        if largest is not None:
            return nn.utils.clip_grad_norm_(held, largest)
        return nn.utils.get_total_norm([tensor.grad for tensor in held if tensor.grad is not None])

    def skip(self) -> None:
        """Drop all gradients instead of a step."""
        if self.dense is not None:
            self.dense.zero_grad(set_to_none=True)
        for table in self.tables:
            table.forget()

    def step(self) -> None:
        """One step of everything, after which no gradient is left."""
        if self.dense is not None:
            self.dense.step()
            self.dense.zero_grad(set_to_none=True)
        for table in self.tables:
            table.step()

    def read_into(self, weights: dict[str, Tensor], method: nn.Module) -> None:
        """Copy all trained weights of the method, as they are at present, into a dict by name, reusing its tensors."""
        by_rows = {id(table.table.weight): table for table in self.tables}
        with torch.no_grad():
            for name, parameter in method.named_parameters():
                if not parameter.requires_grad:
                    continue
                if name not in weights:
                    weights[name] = torch.empty_like(parameter)
                if id(parameter) in by_rows:
                    by_rows[id(parameter)].read_into(weights[name])
                else:
                    weights[name].copy_(parameter)

    def state(self, method: nn.Module) -> State:
        """Every trained weight of the method, raw, and what the optimizers know of it; no row is brought up to date."""
        by_rows = {id(table.table.weight) for table in self.tables}
        tensors = {
            f"weights/{name}": parameter.detach()
            for name, parameter in method.named_parameters()
            if parameter.requires_grad and id(parameter) not in by_rows
        }
        kept = method.state_dict().keys()
        tensors |= {f"buffers/{name}": buffer for name, buffer in method.named_buffers() if name in kept}
        if self.dense is not None:
            for place, moments in self.dense.state_dict()["state"].items():
                tensors |= {f"adamw/{place}/{name}": tensor for name, tensor in moments.items()}
        for place, table in enumerate(self.tables):
            tensors |= {f"table/{place}/{name}": tensor for name, tensor in table.state().items()}
        return State(tensors)

    @torch.no_grad()
    def load(self, state: State, method: nn.Module) -> None:
        """Put back what `state` gave, into the same method with an optimizer built the same way."""
        own: dict[str, dict[str, Tensor]] = {
            "weights": {**dict(method.named_parameters())},
            "buffers": dict(method.named_buffers()),
        }
        moments: dict[int, dict[str, Tensor]] = {}
        tables: list[dict[str, Tensor]] = [{} for _ in self.tables]
        for path, tensor in state.tensors.items():
            part, place, *rest = path.split("/")
            if part in own:
                own[part][place].copy_(tensor)
            elif part == "adamw":
                moments.setdefault(int(place), {})[rest[0]] = tensor
            else:
                tables[int(place)][rest[0]] = tensor
        if self.dense is not None:
            self.dense.load_state_dict({**self.dense.state_dict(), "state": moments})
        for table, of_table in zip(self.tables, tables, strict=True):
            table.load(of_table)

    def __enter__(self) -> MethodOptimizer:
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()

    def release(self) -> None:
        """Bring every table up to the present; afterwards the method is an ordinary module again."""
        for table in self.tables:
            table.release()


def build_optimizer(
    parts: Mapping[Any, Iterable[nn.Parameter]],
    learning_rates: Mapping[str, float],
    config: TrainingConfig,
    tables: Iterable[LookupTable] = (),
) -> MethodOptimizer:
    """The optimizer of a method's parts, each with a learning rate of its own; `tables` are among their parameters.

    A part with learning rate 0 is frozen (`requires_grad` off) and left out. Decay applies to matrices and tables, not
    to vectors (biases, norms, α). Raises ClickPromptError where nothing is left to train.
    """
    by_weight = {id(table.weight): table for table in tables}
    groups: list[dict[str, Any]] = []
    by_rows: list[RowOptimizer] = []
    for part, parameters in parts.items():
        rate = learning_rates.get(part, 0.0)
        alone: list[nn.Parameter] = []
        matrices: list[nn.Parameter] = []
        vectors: list[nn.Parameter] = []
        for parameter in parameters:
            table = by_weight.get(id(parameter))
            own = rate
            if table is not None and part != "frozen" and config.embedding_learning_rate is not None:
                own = config.embedding_learning_rate
            parameter.requires_grad_(own > 0)
            if not parameter.requires_grad:
                continue
            if table is not None and _kind(table, config) != "dense":
                by_rows.append(_row_optimizer(table, own, config))
            elif own != rate:
                alone.append(parameter)
            else:
                (matrices if parameter.ndim >= 2 else vectors).append(parameter)
        for some, own, decay in (
            (matrices, rate, config.weight_decay),
            (vectors, rate, 0.0),
            (alone, config.embedding_learning_rate or 0.0, config.weight_decay),
        ):
            if some:
                groups.append(_group(some, own, decay, part))
    if not groups and not by_rows:
        raise ClickPromptError("every learning rate is 0, so nothing would be trained; raise ctr_learning_rate")
    return MethodOptimizer(groups, by_rows)


def _group(parameters: list[nn.Parameter], rate: float, decay: float, part: str) -> dict[str, Any]:
    return {"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay, "part": part}


def _kind(table: LookupTable, config: TrainingConfig) -> str:
    if config.embedding_optimizer != "auto":
        return config.embedding_optimizer
    large = LARGE_TABLE.get(table.weight.device.type, LARGE_TABLE["cuda"])
    return "sparse" if table.weight.numel() >= large else "dense"


def _row_optimizer(table: LookupTable, rate: float, config: TrainingConfig) -> RowOptimizer:
    if _kind(table, config) == "sparse":
        if rate * config.weight_decay >= 1:
            raise ClickPromptError(
                f"weight_decay {config.weight_decay:g} times the table's learning rate {rate:g} must stay below 1; "
                "lower one of them"
            )
        return SparseAdamW(table, rate, Adam(weight_decay=config.weight_decay))
    return RowwiseAdagrad(table, rate)
