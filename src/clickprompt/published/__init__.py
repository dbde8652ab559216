"""Numbers that the papers printed."""

from clickprompt.published.read import read_published

__all__ = ["read_published"]
