from __future__ import annotations

import pytest

from clickprompt.language import PromptedEncoder


@pytest.fixture
def sentences_read(monkeypatch):
    """Number of sentences in each call of an encoder; a value read alone is one."""
    seen, forward = [], PromptedEncoder.forward

    def noting(encoder, tokens, *more, **others):
        seen.append(len(tokens))
        return forward(encoder, tokens, *more, **others)

    monkeypatch.setattr(PromptedEncoder, "forward", noting)
    return seen
