"""BERT-like and ModernBERT encoders with prompts in NumPy and float64, from the formulas, one row at a time."""

import numpy as np
from scipy.special import erf


def weights_of(encoder):
    return {name: value.detach().numpy() for name, value in encoder.model.state_dict().items()}


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def layer_norm(x, weight, bias, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * weight + bias


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attend(q, k, v, heads, seen=None):
    """Row by row of each head; `seen` (queries, keys) or None."""
    width = q.shape[-1] // heads
    mixed = []
    for h in range(heads):
        part = slice(h * width, (h + 1) * width)
        scores = q[:, part] @ k[:, part].T / np.sqrt(width)
        if seen is not None:
            scores = np.where(seen, scores, -np.inf)
        mixed.append(softmax(scores) @ v[:, part])
    return np.concatenate(mixed, axis=1)


def bert_row(w, ids, heads, epsilon, first_position=0, space=None, prompts=None):
    """Embeddings and each layer's output of one sentence without padding, prompts dropped, (layers + 1, Z, d)."""

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        return layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"], epsilon)

    e = "embeddings."
    places = first_position + np.arange(len(ids))
    h = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][places]
    h = norm(h + w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
    carried = 0
    states = [h]
    if space == "first":
        carried = prompts.shape[1]
        h = np.concatenate([prompts[0], h])
    layers = 1 + max(int(name.split(".")[2]) for name in w if name.startswith("encoder.layer."))
    for layer in range(layers):
        a = f"encoder.layer.{layer}."
        s = a + "attention.self."
        q, k, v = linear(h, s + "query"), linear(h, s + "key"), linear(h, s + "value")
        if space == "key_value":
            k, v = np.concatenate([prompts[layer, :, 0], k]), np.concatenate([prompts[layer, :, 1], v])
        elif space == "hidden":
            k = np.concatenate([linear(prompts[layer], s + "key"), k])
            v = np.concatenate([linear(prompts[layer], s + "value"), v])
        attended = linear(attend(q, k, v, heads), a + "attention.output.dense")
        h = norm(h + attended, a + "attention.output.LayerNorm")
        inner = gelu(linear(h, a + "intermediate.dense"))
        h = norm(h + linear(inner, a + "output.dense"), a + "output.LayerNorm")
        states.append(h[carried:])
    return np.stack(states)


def rotate(x, heads, places, theta):
    """Pairs (i, i + width/2) of each head turn by place · theta^(−2i/width)."""
    width = x.shape[-1] // heads
    angles = places[:, None] * theta ** (-np.arange(0, width, 2) / width)
    cos, sin = np.cos(angles), np.sin(angles)
    turned = []
    for h in range(heads):
        a, b = np.split(x[:, h * width : (h + 1) * width], 2, axis=1)
        turned += [a * cos - b * sin, b * cos + a * sin]
    return np.concatenate(turned, axis=1)


def modernbert_row(w, ids, config, space=None, prompts=None):
    """Last states of one sentence without padding, prompts dropped, (Z, d)."""
    heads, epsilon = config["num_attention_heads"], config["norm_eps"]
    reach = config["local_attention"] // 2

    def norm(x, name):
        return layer_norm(x, w[f"{name}.weight"], 0.0, epsilon)

    h = norm(w["embeddings.tok_embeddings.weight"][ids], "embeddings.norm")
    carried = 0
    places = np.arange(len(ids))
    if space == "first":
        carried = prompts.shape[1]
        h = np.concatenate([prompts[0], h])
        places = np.concatenate([np.zeros(carried, int), places])
    for layer, kind in enumerate(config["layer_types"]):
        a = f"layers.{layer}."
        x = h if layer == 0 else norm(h, a + "attn_norm")
        wq, wk, wv = np.split(w[a + "attn.Wqkv.weight"], 3)
        theta = config["rope_parameters"][kind]["rope_theta"]
        q, k, v = rotate(x @ wq.T, heads, places, theta), rotate(x @ wk.T, heads, places, theta), x @ wv.T
        near = np.ones((len(h), len(h)), bool)
        if kind == "sliding_attention":
            near[carried:, carried:] = abs(np.arange(len(ids))[:, None] - np.arange(len(ids))) <= reach
        if space in ("key_value", "hidden"):
            p = prompts[layer]
            pk, pv = (p[:, 0], p[:, 1]) if space == "key_value" else (p @ wk.T, p @ wv.T)
            k, v = np.concatenate([pk, k]), np.concatenate([pv, v])
            near = np.concatenate([np.ones((len(h), len(p)), bool), near], axis=1)
        h = h + attend(q, k, v, heads, near) @ w[a + "attn.Wo.weight"].T
        inner, gate = np.split(norm(h, a + "mlp_norm") @ w[a + "mlp.Wi.weight"].T, 2, axis=1)
        h = h + (gelu(inner) * gate) @ w[a + "mlp.Wo.weight"].T
    return norm(h, "final_norm")[carried:]
