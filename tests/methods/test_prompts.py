import numpy as np
import pytest
import torch
from pydantic import ValidationError

from clickprompt.methods import PromptConfig, PromptGenerator

Q, LAYERS, WIDTH, K, ROWS = 5, 3, 4, 2, 6


def generator(**settings) -> tuple[PromptGenerator, torch.Tensor, dict[str, np.ndarray]]:
    torch.manual_seed(0)
    prompts = PromptGenerator(PromptConfig(length=K, **settings), Q, LAYERS, WIDTH).double()
    q = torch.randn(ROWS, Q, dtype=torch.float64)
    return prompts, q, {name: tensor.detach().numpy() for name, tensor in prompts.named_parameters()}


@pytest.mark.parametrize("space", ["key_value", "hidden"])
def test_shared_projection_is_one_hidden_layer_for_all_prompts(space):
    prompts, q, weights = generator(space=space)
    hidden = np.tanh(q.numpy() @ weights["project.0.weight"].T + weights["project.0.bias"])
    numbers = 2 * WIDTH if space == "key_value" else WIDTH
    states = prompts(q).states.detach().numpy()
    for layer in range(LAYERS):
        for k in range(K):
            rows = slice((layer * K + k) * numbers, (layer * K + k + 1) * numbers)
            expected = hidden @ weights["project.2.weight"][rows].T + weights["project.2.bias"][rows]
            np.testing.assert_allclose(states[layer, :, k].reshape(ROWS, numbers), expected, rtol=1e-12)


@pytest.mark.parametrize("space", ["key_value", "hidden"])
def test_independent_projection_is_one_perceptron_a_prompt(space):
    prompts, q, weights = generator(space=space, projection="independent")
    states = prompts(q).states.detach().numpy()
    for layer in range(LAYERS):
        for k in range(K):
            n = layer * K + k
            hidden = np.tanh(q.numpy() @ weights["project.0.weight"][n] + weights["project.0.bias"][n])
            expected = hidden @ weights["project.2.weight"][n] + weights["project.2.bias"][n]
            np.testing.assert_allclose(states[layer, :, k].reshape(ROWS, -1), expected, rtol=1e-12)


def test_independent_layers_start_as_torchs_own_do():
    prompts, _, weights = generator(projection="independent")
    first = weights["project.0.weight"]
    assert np.abs(first).max() <= 1 / np.sqrt(Q)
    assert np.abs(first).max() > 0.8 / np.sqrt(Q)
    assert prompts.project[0].weight.shape == (LAYERS * K, Q, WIDTH)


def test_first_layer_prompts_are_states_for_one_layer():
    prompts, q, _ = generator(space="hidden", layers="first")
    made = prompts(q)
    assert made.space == "first"
    assert made.states.shape == (1, ROWS, K, WIDTH)


def test_first_layer_prompts_refuse_key_value_space():
    with pytest.raises(ValidationError, match="layers: first needs space: hidden"):
        PromptConfig(layers="first")


def test_no_prompts_is_refused():
    with pytest.raises(ValidationError, match="greater than 0"):
        PromptConfig(length=0)


@pytest.mark.parametrize("projection", ["shared", "independent"])
def test_gradients(projection):
    torch.manual_seed(0)
    prompts = PromptGenerator(PromptConfig(length=1, projection=projection), 3, 1, 2).double()
    q = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: prompts(x).states, q)
