"""Gated self-attention and its blocks beside plain arrays."""

import keras
import numpy as np
from keras import ops

from serkeras.models.fusion.attention import GatedSelfAttention
from serkeras.models.fusion.blocks import attention_block, unified
from tests.layer_checks.tools import array, saved_and_loaded

HEADS, UNITS, GATES = 3, 4, 5
WIDTH = HEADS * UNITS


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def moved(model, scale=0.4):
    """Give a model weights that are no first values, biases and norms too; return it."""
    rng = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(scale * rng.normal(size=weight.shape) + ("gamma" in weight.path))
    return model


def named(layer):
    """Return the weights as float64 by path, such as "gate_query/kernel"."""
    return {"/".join(w.path.split("/")[-2:]): array(w).astype(np.float64) for w in layer.weights}


def softmax(scores):
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def heads_of(weights, x):
    """Follow the formulas of one clip `(steps, channels)`, head by head.

    Returns:
        list of (masks `(steps, 2)`, attention `(steps, steps)`, result `(steps, UNITS)`).
    """
    found = []
    for head in range(HEADS):
        own = slice(head * UNITS, (head + 1) * UNITS)
        query, key, value = (
            x @ weights[f"{name}/kernel"][:, own] + weights[f"{name}/bias"][own]
            for name in ("query", "key", "value")
        )
        of_query, of_key = (
            side @ weights[f"{name}/kernel"][head] + weights[f"{name}/bias"][head]
            for side, name in ((query, "gate_query"), (key, "gate_key"))
        )
        both = (of_query * of_key) @ weights["gate/kernel"][head] + weights["gate/bias"][head]
        masks = 1 / (1 + np.exp(-both))
        attention = softmax((query * masks[:, :1]) @ (key * masks[:, 1:]).T / np.sqrt(UNITS))
        found.append((masks, attention, attention @ value))
    return found


def attended_by_hand(weights, x):
    joined = np.concatenate([result for _, _, result in heads_of(weights, x)], axis=1)
    return joined @ weights["out/kernel"] + weights["out/bias"]


def normed(x, gamma, beta, axes):
    centred = x - x.mean(axis=axes, keepdims=True)
    return centred / np.sqrt(x.var(axis=axes, keepdims=True) + 1e-5) * gamma + beta


def attention(steps=11):
    inputs = keras.Input((steps, WIDTH))
    layer = GatedSelfAttention(HEADS, UNITS, GATES, name="attention")
    return moved(keras.Model(inputs, layer(inputs)), 0.8), layer


def check_gated_attention_follows_its_formulas():
    model, layer = attention()
    x = values(2, 11, WIDTH)
    expected = np.stack([attended_by_hand(named(layer), clip) for clip in x])
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    masks, attended = (array(each) for each in layer.listen(ops.convert_to_tensor(x, "float32")))
    for clip, found_masks, found in zip(x, masks, attended, strict=True):
        for head, (mask, weights, _) in enumerate(heads_of(named(layer), clip)):
            np.testing.assert_allclose(found_masks[:, head], mask, atol=2e-6)
            np.testing.assert_allclose(found[:, head], weights.mean(axis=0), atol=2e-6)
    # The gates are far from both ends, and of queries and keys they differ.
    assert masks.std() > 0.1
    assert np.abs(masks[..., 0] - masks[..., 1]).mean() > 0.1


def check_closed_gates_leave_the_mean():
    model, layer = attention()
    layer.gate.bias.assign(np.full((HEADS, 2), -60.0))
    x = values(1, 11, WIDTH)
    weights = named(layer)
    mean = (x @ weights["value/kernel"] + weights["value/bias"]).mean(axis=1, keepdims=True)
    expected = np.repeat(mean @ weights["out/kernel"] + weights["out/bias"], 11, axis=1)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


def check_blocks_add_and_normalise():
    sides = {"a": values(2, 5, 3), "b": values(2, 6, 7, seed=1)}
    for norm, axes in (("channels", (-1,)), ("clip", (0, 1))):
        inputs = {name: keras.Input(x.shape[1:], name=name) for name, x in sides.items()}
        y = attention_block(unified(inputs, WIDTH), HEADS, GATES, 0.9, norm, "block")
        model = moved(keras.Model(inputs, y))
        found = saved_and_loaded(model).predict(sides, verbose=0)
        weights = named(model)
        for index in range(2):
            x = np.concatenate(
                [
                    sides[name][index] @ weights[f"embed_{name}/kernel"]
                    + weights[f"embed_{name}/bias"]
                    for name in sides
                ]
            )
            np.testing.assert_allclose(found[index], block_by_hand(weights, x, axes), atol=1e-5)


def block_by_hand(weights, x, axes):
    for number, part in ((1, attended_by_hand), (2, feed_forward_by_hand)):
        norm = f"block_norm{number}"
        added = x + part(weights, x)
        x = normed(added, weights[f"{norm}/gamma"], weights[f"{norm}/beta"], axes)
    return x


def feed_forward_by_hand(weights, x):
    inner = np.maximum(x @ weights["block_wide/kernel"] + weights["block_wide/bias"], 0)
    return inner @ weights["block_narrow/kernel"] + weights["block_narrow/bias"]


def check_attention_in_half_precision_is_near():
    x = values(2, 11, WIDTH)
    model, layer = attention()
    half = GatedSelfAttention(HEADS, UNITS, GATES, dtype="mixed_bfloat16")
    half.build(x.shape)
    for ours, theirs in zip(half.weights, layer.weights, strict=True):
        ours.assign(theirs)
    assert {str(weight.dtype) for weight in half.weights} == {"float32"}
    found = half(ops.convert_to_tensor(x, "float32"))
    assert "bfloat16" in str(found.dtype)
    expected = model.predict(x, verbose=0)
    found = array(ops.cast(found, "float32"))
    assert 1e-5 < np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
