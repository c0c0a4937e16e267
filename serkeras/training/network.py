"""The compiled model of a run: scaling by the training side, the network, loss and optimiser."""

import numpy as np

from serkeras.training.sides import bin_statistics


def phase_seed(seed, phase):
    """Return the seed of initial weights, order and dropout of one phase of a run.

    With the search's own seed the final fit would only repeat it up to its best epoch; drawn
    anew it is the independent second training of the source's procedure.
    """
    return int(np.random.default_rng([seed, *phase.encode()]).integers(2**31))


def builder(train_side, labels, experiment):
    """Return a function from a seed to the compiled model, normalisation inside it.

    Raises:
        ValueError: the model does not take these settings or this shape.
    """
    import keras

    from serkeras import models

    def network():
        return models.build(
            experiment.model.name, train_side.shape, len(labels), **experiment.model.settings
        )

    network()  # raises now, not after the run folder is made
    mean, variance = bin_statistics(train_side)
    # A bin that never changes is only centred.
    deviation = np.where(variance > 1e-12, np.sqrt(variance), 1.0)

    def build(seed):
        keras.utils.set_random_seed(seed)
        inner = network()
        inputs = keras.Input(train_side.shape, name="features")
        scale = keras.layers.Rescaling(
            _per_bin(1 / deviation), _per_bin(-mean / deviation), name="scale"
        )
        model = keras.Model(inputs, inner(scale(inputs)), name=f"{inner.name}_scaled")
        model.compile(
            keras.optimizers.Adam(experiment.training.learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    return build


def _per_bin(values):
    """Return `(bins,)` numbers as nested lists that broadcast over `(bins, frames, 1)`.

    `Rescaling` keeps them in the model's configuration, not in its weights. `Normalization`
    would say more plainly what is meant, but no form of its mean suits both Keras 3.13 and 3.15.
    """
    return values[:, None, None].tolist()
