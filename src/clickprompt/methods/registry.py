"""The methods by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Setting

from clickprompt.methods.clickprompt import ClickPromptConfig
from clickprompt.methods.id_only import IDOnlyConfig
from clickprompt.methods.masked_field import MaskedFieldConfig

AnyMethodConfig = Annotated[ClickPromptConfig | IDOnlyConfig | MaskedFieldConfig, Setting(discriminator="kind")]
"""The config of any method; `kind` picks the class."""

METHODS: dict[str, type[ClickPromptConfig] | type[IDOnlyConfig] | type[MaskedFieldConfig]] = {
    "clickprompt": ClickPromptConfig,
    "id-only": IDOnlyConfig,
    "masked-field": MaskedFieldConfig,
}
"""Config class of each method by its `kind`."""
