"""Pieces that several networks share."""

import keras


def classifier(features, num_classes):
    """Dense layer and softmax; probabilities stay float32 under mixed precision."""
    logits = keras.layers.Dense(num_classes, name="logits")(features)
    return keras.layers.Softmax(dtype="float32", name="probabilities")(logits)


def batch_norm(name):
    """Batch normalisation as the sources that were written in PyTorch had it.

    Keras's own default follows the statistics ten times as slowly: on a small corpus, with 18
    steps an epoch, predictions would stay those of an untrained network for many epochs.
    """
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)
