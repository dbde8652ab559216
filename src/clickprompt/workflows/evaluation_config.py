"""Settings of evaluation. No trained model depends on them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Setting

from clickprompt.settings import Settings

Share = Annotated[float, Setting(ge=0, le=1)]


class EvaluationConfig(Settings):
    """How test rows are measured beyond the models' own training."""

    tail_share: Share = 0.2
    """Share of training rows that the long tail holds: those of the least frequent users, and of such items."""
