"""Networks that take masks, losses and optimisers."""

import keras
import numpy as np

from serkeras import models
from serkeras.config import TrainingConfig
from serkeras.training.compiling import compile_model
from serkeras.training.losses import ClassLoss

MASKED = {"cnn-attention": {}, "fcn-attention-2d": {"width": 0.05, "heads": 2}}


def check_padding_never_changes_a_prediction():
    """Clips of some lengths in one batch, padded with loud frames, and each of them alone."""
    x = np.random.default_rng(0).normal(size=(1, 40, 30, 1)).astype(np.float32)
    frames = np.array([1, 2, 3, 4, 5, 21, 30])
    padded = np.full((len(frames), 40, 43, 1), 50.0, np.float32)
    for row, count in zip(padded, frames, strict=True):
        row[:, :count] = x[0, :, :count]
    for name, settings in MASKED.items():
        keras.utils.set_random_seed(0)
        model = models.build(name, (40, None, 1), 3, **settings)
        found = model.predict(_masked(padded, frames[:, None]), verbose=0)
        for answer, count in zip(found, frames, strict=True):
            alone = model.predict(_masked(x[:, :, :count], count), verbose=0)
            np.testing.assert_allclose(answer, alone[0], atol=2e-6, err_msg=f"{name}, {count}")


def _masked(x, frames):
    return {"features": x, "mask": np.arange(x.shape[2])[None] < frames}


def check_short_clips_differ_from_each_other():
    rng = np.random.default_rng(0)
    for name, settings in MASKED.items():
        keras.utils.set_random_seed(0)
        model = models.build(name, (40, None, 1), 3, **settings)
        for frames in (1, 3):
            clips = rng.normal(size=(2, 1, 40, frames, 1)).astype(np.float32) * 3
            found = [model.predict(_masked(clip, frames), verbose=0) for clip in clips]
            assert np.abs(found[0] - found[1]).max() > 1e-5, (name, frames)


def check_a_surely_wrong_clip_teaches():
    """One step on logits [0, 30, 0] of a clip of class 0, for every loss."""
    kinds = {
        "cross_entropy": {},
        "smoothed": {"label_smoothing": 0.1},
        "focal": {"kind": "focal"},
        "focal of little gamma": {"kind": "focal", "gamma": 0.5},
        "focal of none": {"kind": "focal", "gamma": 0.0},
        "hinge": {"kind": "hinge"},
        "weighted": {"class_weights": [1.0, 1.0, 1.0]},
    }
    for name, settings in kinds.items():
        for logits, is_sure in (([0.0, 30.0, 0.0], False), ([60.0, 0.0, 0.0], True)):
            inputs = keras.Input((1,))
            scores = keras.layers.Dense(3, use_bias=False, name="scores")(inputs)
            model = keras.Model(inputs, keras.layers.Softmax(dtype="float32")(scores))
            model.set_weights([np.array([logits], np.float32)])
            model.compile(keras.optimizers.SGD(1.0), ClassLoss(**settings))
            model.fit(np.ones((1, 1), np.float32), np.zeros(1, np.int32), verbose=0)
            moved = model.get_weights()[0][0] - logits
            assert np.isfinite(moved).all(), name
            if not is_sure:
                assert moved[0] > 0.1, (name, moved)
                assert moved[1] < -0.1, (name, moved)


def check_named_parts_alone_decay():
    for optimizer in ("adam", "adamw", "rmsprop", "sgd"):
        inputs = keras.Input((4,))
        x = keras.layers.Dense(3, name="block")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(2, "softmax", name="logits")(x))
        model.set_weights([np.ones(weight.shape) for weight in model.weights])
        config = TrainingConfig(optimizer=optimizer, weight_decay=0.5, decay_only=["block"])
        compile_model(model, config, np.array([0, 1]), 2)
        zeros = [keras.ops.zeros(weight.shape) for weight in model.trainable_variables]
        model.optimizer.apply(zeros, model.trainable_variables)
        for weight in model.weights:
            moved = not np.array_equal(keras.ops.convert_to_numpy(weight), np.ones(weight.shape))
            assert moved == weight.path.startswith("block"), (optimizer, weight.path)
