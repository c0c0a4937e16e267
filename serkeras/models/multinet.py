"""`multinet`: several backbones side by side, each on its own part of the features."""

import keras

from serkeras.models import backbones
from serkeras.models.parts import classifier
from serkeras.models.transfer import freeze, head, pooled

_DEFAULT = (
    {"backbone": "densenet121", "outputs": 32, "bins": None},
    {"backbone": "resnet18", "outputs": 32, "bins": None},
)


def build_multinet(
    input_shape,
    num_classes,
    branches=_DEFAULT,
    weights=None,
    size=None,
    scaling="standardized",
    value_range=(0.0, 255.0),
    units=(),
    dropout=0.0,
    blocks=None,
    batch_norm=False,
):
    """Backbones on parts of one stack of features; their outputs are joined and classified.

    Each backbone's map is averaged and brought to `outputs` numbers by a dense layer in place of
    its own last one. One loss trains all of it.

    Args:
        input_shape: `(bins, frames, 1 or 3)` of the stack.
        num_classes: width of the softmax.
        branches: list of dictionaries: "backbone", one of `serkeras.models.backbones.names()`;
            "outputs", int; "bins", list of (start, stop) of the stack that it sees, in order,
            or None for all.
        weights: see `weights` of `serkeras.models.backbones.build`: one for all branches, or a
            list with one a branch.
        size, scaling, value_range: see `backbones.build`; for all branches.
        units: of dense layers between the joined outputs and the classes.
        dropout: rate, in front of them.
        blocks, batch_norm: of each backbone, see `serkeras.models.backbones.unfreeze`; with
            `blocks` None all of it learns.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: fewer than two branches, one that is not described in full, bins outside the
            stack, or a list of weights of another length; see also `backbones.build`.
        FileNotFoundError, ConnectionError, ModuleNotFoundError: see `backbones.build`.

    Source:
        Report S0, section 4.1 and Table 5 (branches D1 to D3 and R1 to R3, heads A1 to A4).
    """
    branches = [_checked(branch, input_shape) for branch in branches]
    weights = _one_each(weights, branches)
    inputs = keras.Input(input_shape, name="features")
    outputs = []
    for number, (branch, given) in enumerate(zip(branches, weights, strict=True), start=1):
        x = _cut(inputs, branch["bins"])
        settings = (given, size, scaling, value_range)
        base = backbones.build(branch["backbone"], x.shape[1:], *settings, branch=number)
        freeze(base, blocks, None, batch_norm)
        x = pooled(base(x), "average", f"average{number}")
        outputs.append(keras.layers.Dense(branch["outputs"], name=f"output{number}")(x))
    x = keras.layers.Concatenate(name="joined")(outputs)
    if dropout:
        x = keras.layers.Dropout(dropout, name="drop_joined")(x)
    x = head(x, units, dropout=0.0)
    return keras.Model(inputs, classifier(x, num_classes), name="multinet")


def first_weights(settings):
    """Return the files that the backbones start from, see `serkeras.models.first_weights`.

    Args:
        settings: dictionary of this builder's keyword arguments.

    Raises:
        ValueError: see `build_multinet`.
    """
    names = [branch.get("backbone") for branch in settings.get("branches", _DEFAULT)]
    pairs = zip(names, _one_each(settings.get("weights"), names), strict=True)
    return [
        found
        for number, (name, weights) in enumerate(pairs, start=1)
        for found in backbones.first(name, weights, branch=number)
    ]


def _cut(x, bins):
    """Return the named ranges of bins, one upon the other."""
    if bins is None:
        return x
    parts = [x[:, start:stop] for start, stop in bins]
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(axis=1)(parts)


def _checked(branch, input_shape):
    known = {"backbone", "outputs", "bins"}
    if not isinstance(branch, dict) or not {"backbone", "outputs"} <= set(branch) <= known:
        raise ValueError(
            "A branch of multinet must be a dictionary with 'backbone' and 'outputs', and 'bins' "
            f"where it does not see all. Received: {branch}. Correct model.settings.branches."
        )
    bins = branch.get("bins")
    total = input_shape[0]
    if bins is not None and not (bins and all(0 <= a < b <= total for a, b in bins)):
        raise ValueError(
            f"`bins` of a branch must be ranges (start, stop) within the stack's {total} bins. "
            f"Received: {bins}. Correct model.settings.branches, or the features' sizes."
        )
    return {**branch, "bins": bins}


def _one_each(weights, branches):
    if len(branches) < 2:
        raise ValueError(
            f"multinet must have two branches or more. Received: {len(branches)}. Use the model "
            "'transfer' for one backbone."
        )
    if weights is None or isinstance(weights, str):
        weights = [weights] * len(branches)
    if not isinstance(weights, (list, tuple)) or len(weights) != len(branches):
        raise ValueError(
            f"`weights` of multinet must be one for all, or a list of {len(branches)}, one a "
            f"branch. Received: {weights!r}. Correct model.settings.weights."
        )
    return weights
