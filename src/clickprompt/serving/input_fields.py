"""Which fields of a model take input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from clickprompt.contracts import Field
from clickprompt.serving.served_model import ServedModel
from clickprompt.settings import ClickPromptError, did_you_mean


@dataclass(frozen=True)
class InputFields:
    """Fields that take input, and those that do not, for they are always scored as one value."""

    fields: dict[str, Field]
    constant: dict[str, Field]

    def check(self, names: Iterable[str], where: str) -> None:
        """Raises ClickPromptError for a name that is not among the fields that take input."""
        for name in names:
            if name in self.constant:
                value = self.constant[name].score_as
                raise ClickPromptError(f"{where}: {name} is always scored as {value!r}; leave it out")
            if name not in self.fields:
                raise ClickPromptError(f"{where}: {name!r} is not a field{did_you_mean(name, self.fields)}")


_KNOWN: WeakKeyDictionary[ServedModel, InputFields] = WeakKeyDictionary()


def input_fields(model: ServedModel) -> InputFields:
    """The fields of a model, kept as long as the model is."""
    known = _KNOWN.get(model)
    if known is None:
        fields = model.scorer.schema.fields
        known = _KNOWN[model] = InputFields(
            {field.name: field for field in fields if field.score_as is None},
            {field.name: field for field in fields if field.score_as is not None},
        )
    return known
