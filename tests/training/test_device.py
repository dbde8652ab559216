import pytest
import torch

from clickprompt.settings import ClickPromptError
from clickprompt.training import autocast, bfloat16_pays, choose_device


def test_auto_is_the_gpu_where_there_is_one():
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(ClickPromptError, match="cuda was asked for, but PyTorch sees no GPU here"):
        choose_device("cuda")


def computed_in(precision, *, reads_words: bool) -> torch.dtype:
    weight = torch.ones(2, 2)
    with autocast(torch.device("cpu"), precision, reads_words=reads_words):
        return (weight @ weight).dtype


def test_precision_is_what_was_asked_for():
    assert computed_in("bfloat16", reads_words=False) == torch.bfloat16
    assert computed_in("float32", reads_words=True) == torch.float32
    assert computed_in("auto", reads_words=False) == torch.float32
    pays = bfloat16_pays(torch.device("cpu"))
    assert computed_in("auto", reads_words=True) == (torch.bfloat16 if pays else torch.float32)
