"""Tiny tables, tiny language models, and contract tests that other packages can subclass."""
