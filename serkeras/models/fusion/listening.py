"""What a fusion listens to: how its attention is shared among the branches."""

import keras
import numpy as np
import pandas as pd
from keras import ops

from serkeras.models.fusion.attention import GatedSelfAttention
from serkeras.models.fusion.branches import BRANCHES


def by_branch(network, waves):
    """Return how much each head of each block attends to each branch, the mean over clips.

    Args:
        network: what `build_mmfusion` returned; of a run `run.model.get_layer("mmfusion")`.
        waves: float array `(clips, samples, 1)`.

    Returns:
        `pandas.DataFrame` with the columns block, head (both from 1), branch, steps, attended
        (share of the attention; sums to 1 over the branches), times_equal (that share against
        the branch's share of the steps: 1 is no preference), query_mask and key_mask (means of
        the gates, from 0 to 1).
    """
    layers = [layer for layer in network.layers if isinstance(layer, GatedSelfAttention)]
    reached = keras.Model(network.input, [layer.input for layer in layers])
    found = reached.predict(waves, verbose=0)
    rows = []
    for block, (layer, x) in enumerate(zip(layers, _listed(found), strict=True), start=1):
        masks, attended = (np.asarray(ops.convert_to_numpy(each)) for each in layer.listen(x))
        rows += _rows(block, masks.mean(axis=0), attended.mean(axis=0), _places(network))
    return pd.DataFrame(rows)


def _listed(found):
    return found if isinstance(found, list) else [found]


def _places(network):
    """Return the steps of each branch, a dictionary of slices."""
    names = {layer.name for layer in network.layers}
    places, start = {}, 0
    for name in [name for name in BRANCHES if f"embed_{name}" in names]:
        steps = network.get_layer(f"embed_{name}").output.shape[1]
        places[name] = slice(start, start + steps)
        start += steps
    return places


def _rows(block, masks, attended, places):
    """Return rows of one block, out of masks `(steps, heads, 2)` and shares `(steps, heads)`."""
    rows = []
    for head in range(attended.shape[1]):
        for name, place in places.items():
            share, steps = attended[place, head].sum(), place.stop - place.start
            query, key = masks[place, head].mean(axis=0)
            facts = (block, head + 1, name, steps, share, share * len(attended) / steps, query, key)
            rows.append(dict(zip(_COLUMNS, facts, strict=True)))
    return rows


_COLUMNS = (
    "block", "head", "branch", "steps", "attended", "times_equal", "query_mask", "key_mask",
)  # fmt: skip
