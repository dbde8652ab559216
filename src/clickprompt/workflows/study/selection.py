"""A part of a study: `--only method=ClickPrompt --only seed=1`."""

from __future__ import annotations

from collections.abc import Sequence

from clickprompt.settings import ClickPromptError, did_you_mean
from clickprompt.workflows.study.config import Study
from clickprompt.workflows.study.plan import Combination

_KEYS = ("data_set", "method", "ctr_model", "language_model", "seed")


class Selection:
    """Which combinations and seeds are run: values of one key widen it, another key narrows it.

    Raises ClickPromptError for a key or a name that the study does not know.
    """

    def __init__(self, only: Sequence[str], study: Study, combinations: Sequence[Combination]) -> None:
        self.wanted: dict[str, set[str]] = {}
        for text in only:
            key, equals, value = text.partition("=")
            if not equals or key not in _KEYS:
                raise ClickPromptError(f"--only {text}: expected KEY=VALUE, KEY one of {', '.join(_KEYS)}")
            known = {str(seed) for seed in study.seeds}
            if key != "seed":
                known = {str(getattr(combination, key)) for combination in combinations} - {"None"}
            if value not in known:
                raise ClickPromptError(f"--only {text}: the study has no {key} {value}{did_you_mean(value, known)}")
            self.wanted.setdefault(key, set()).add(value)

    def holds(self, combination: Combination) -> bool:
        """Whether any of its seeds is run."""
        return all(str(getattr(combination, key)) in values for key, values in self.wanted.items() if key != "seed")

    def holds_seed(self, seed: int) -> bool:
        """Whether this seed is run."""
        return str(seed) in self.wanted.get("seed", {str(seed)})
