"""clickprompt: click-through-rate models that understand words."""

__version__ = "0.1.0"
