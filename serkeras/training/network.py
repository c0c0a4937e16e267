"""The compiled model of a run: front end and scaling, the network, loss and optimiser."""

import contextlib

import keras
import numpy as np
from keras import ops

from serkeras import models
from serkeras.features import layers, whitening
from serkeras.models.speaker_norm import SpeakerNormalization
from serkeras.training.compiling import compile_model
from serkeras.training.statistics import bin_covariance, bin_statistics


def phase_seed(seed, phase, member=0):
    """Return the seed of initial weights, order and dropout of one phase of a run.

    With the search's own seed the final fit would only repeat it up to its best epoch; drawn
    anew it is the independent second training of the source's procedure. Members of an ensemble
    share the experiment's seed, which decides their split, and differ in this one.
    """
    # Member 0 adds nothing: runs from before there were members can be made again.
    drawn = [seed, *phase.encode(), *([member] if member else [])]
    return int(np.random.default_rng(drawn).integers(2**31))


def builder(train_side, labels, experiment):
    """Return a function from a seed to the compiled model; errors come when it is called.

    In front of the network stand, in this order: augmentation of waveforms and the front end
    where features are computed in the graph, the scaling fitted on the training side, and
    augmentation of features. Where lengths vary the model takes a dictionary of "features" and
    "mask". The network alone computes in the precision that `training.precision` names.

    Args:
        train_side: `serkeras.training.sides.Side`.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment`.

    Raises:
        ValueError: the network does not take these settings, this shape or masks, or a layer
            cannot stand where it is asked for.
    """
    scaling = _scaling(train_side, experiment.model.normalize)

    @precision("float32")
    def build(seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input(train_side.shape, name="features")
        x = inputs
        for layer in _in_front(train_side, experiment, scaling()):
            x = layer(x)
        with precision(experiment.training.precision):
            network = _network(experiment.model, x.shape[1:], len(labels), train_side.varies)
        inputs, outputs = _joined(network, inputs, x, train_side.varies)
        model = keras.Model(inputs, outputs, name=f"{network.name}_scaled")
        shares = train_side.shares is not None
        compile_model(model, experiment.training, train_side.y, len(labels), shares=shares)
        return model

    return build


@contextlib.contextmanager
def precision(policy):
    """Give layers that are made in this context a precision; then the former one stands again.

    Args:
        policy: name of a Keras dtype policy, such as "mixed_bfloat16".
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _in_front(side, experiment, scaling):
    """Return the layers between the input and the network."""
    changes = [layers.make(item) for item in experiment.augment.layers]
    if changes and side.varies:
        raise ValueError(
            "Augmentation layers must see clips of one length: they would change padding too. "
            "Received: augment.layers with audio.fit='keep'. Use augment.on_the_fly instead."
        )
    if changes and len(side.shape) == 2 and not _takes_waves(experiment.features):
        raise ValueError(
            "Augmentation layers must see frames or samples. Received: augment.layers with "
            f"features.average={experiment.features.average!r}. Use augment.transforms."
        )
    if not experiment.features.in_graph:
        return [*scaling, *changes]
    rate, samples = experiment.audio.sample_rate, side.shape[0]
    mono = keras.layers.Reshape((samples,), name="mono")
    front_end = layers.front_end(experiment.features, rate, samples)
    before = [layer for layer in changes if layer.on_waveforms]
    after = [layer for layer in changes if not layer.on_waveforms]
    return [mono, *before, front_end, *scaling, *after]


def _takes_waves(features):
    return features.in_graph or features.name == "waveform"


def _scaling(side, kind):
    """Return a function that makes the scaling layers, fitted on the training side."""
    if kind == "none":
        return list
    if kind == "speaker":
        # Its statistics come with the aligned features, see `by_speaker.on_speakers`.
        return lambda: [SpeakerNormalization("bin", dtype="float32", name="scale")]
    if kind == "whiten":
        mean, covariance = bin_covariance(side)
        stacked = covariance.reshape(-1, *covariance.shape[-2:])
        matrix = np.stack([whitening.fit(one) for one in stacked]).reshape(covariance.shape)
        return lambda: [layers.Whitening(mean, matrix, name="whitening")]
    mean, variance = bin_statistics(side)
    # A bin that never changes is only centred; what rounding leaves of it goes with its size.
    changes = variance > 1e-12 * (mean**2 + variance)
    deviation = np.where(changes, np.sqrt(variance), 1.0)
    # `Rescaling` keeps the numbers in the model's configuration. `Normalization` would say more
    # plainly what is meant, but no form of its mean suits both Keras 3.13 and 3.15.
    axes = len((side.statistics or side).shape)
    scale, offset = (_broadcast(each, axes) for each in (1 / deviation, -mean / deviation))
    return lambda: [keras.layers.Rescaling(scale, offset, name="scale")]


def _broadcast(values, axes):
    """Return statistics as nested lists that broadcast over a clip of so many axes."""
    if values.ndim == 1:  # (bins,) over (bins, frames, 1) or (bins, 1)
        values = values.reshape(-1, *(1,) * (axes - 1))
    elif values.ndim == 2:  # (bins, channels) over (bins, frames, channels)
        values = values[:, None, :]
    return values.tolist()


def _network(config, shape, classes, varies):
    try:
        network = models.build(config.name, shape, classes, **config.settings)
        reason = "it takes no mask" if varies and len(network.inputs) == 1 else None
    except ValueError as error:
        if not varies:
            raise
        reason = error
    if reason:
        raise ValueError(
            "Clips of varying length must go to a network that takes a mask. Received: the model "
            f"{config.name!r} ({reason}). Set audio.fit='pad', or choose another model."
        )
    return network


def _joined(network, inputs, x, varies):
    """Return inputs and outputs of the whole model, with the mask where there is one."""
    if len(network.inputs) == 1:
        return inputs, network(x)
    if not varies:
        everywhere = ops.ones_like(x[:, 0, :, 0] if len(x.shape) == 4 else x[..., 0], "bool")
        return inputs, network({"features": x, "mask": everywhere})
    mask = keras.Input((None,), dtype="bool", name="mask")
    # Scaling has moved the padding away from zero.
    valid = ops.expand_dims(ops.cast(mask, x.dtype), -1)
    x = x * (ops.expand_dims(valid, 1) if len(x.shape) == 4 else valid)
    return {"features": inputs, "mask": mask}, network({"features": x, "mask": mask})
