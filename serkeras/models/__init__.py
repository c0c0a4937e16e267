"""Networks by name: `build("cnn2-transformer", input_shape=(128, 94, 1), num_classes=7)`."""

import importlib
import inspect
import sys

# Name -> (module, function). Modules are imported when a model is built, so that listing the
# names costs nothing (keras_hub alone takes seconds to import).
_BUILDERS = {
    "cnn": ("serkeras.models.cnn", "build_cnn"),
    "cnn2": ("serkeras.models.cnn", "build_cnn2"),
    "cnn2-transformer": ("serkeras.models.parallel", "build_cnn2_transformer"),
    "cnn5": ("serkeras.models.baselines", "build_cnn5"),
    "cnn-attention": ("serkeras.models.cnn_attention", "build_cnn_attention"),
    "cnn-lstm": ("serkeras.models.cnn_lstm", "build_cnn_lstm"),
    "fc-mfcc": ("serkeras.models.fc_mfcc", "build_fc_mfcc"),
    "fcn-attention-1d": ("serkeras.models.fcn_attention", "build_fcn_attention_1d"),
    "fcn-attention-2d": ("serkeras.models.fcn_attention", "build_fcn_attention_2d"),
    "issa": ("serkeras.models.issa", "build_issa"),
    "logistic": ("serkeras.models.baselines", "build_logistic"),
    "mmfusion": ("serkeras.models.fusion.model", "build_mmfusion"),
    "reslstm": ("serkeras.models.reslstm", "build_reslstm"),
    "residual-attention": ("serkeras.models.residual", "build_residual_attention"),
    "ssl": ("serkeras.models.ssl", "build_ssl"),
    "multinet": ("serkeras.models.multinet", "build_multinet"),
    "transfer": ("serkeras.models.transfer", "build_transfer"),
}

# Arguments of every builder of a network that are not settings.
_GIVEN = ("input_shape", "num_classes")


def names():
    """Return the sorted names that `build` takes."""
    return sorted(_BUILDERS)


def is_classical(name):
    """Whether a model is one of `serkeras.models.classical`: no network, without epochs."""
    from serkeras.models import classical  # scikit-learn, which many a caller does not need

    return name in classical.names()


def builder(name):
    """Return the function that builds a model.

    Args:
        name: one of `names()`.

    Raises:
        ValueError: no model has that name.
    """
    if name not in _BUILDERS:
        raise ValueError(
            f"A model must be one of {names()}, or a classical one of "
            f"serkeras.models.classical. Received: {name!r}. Correct the name."
        )
    module, function = _BUILDERS[name]
    return getattr(importlib.import_module(module), function)


def first_weights(name, settings):
    """Return the files of weights that a network starts from.

    Args:
        name: of a model.
        settings: dictionary of keyword arguments of its builder.

    Returns:
        List of (weights as the settings name them, `pathlib.Path` of the file); empty where the
        network starts from random weights.

    Raises:
        ValueError, FileNotFoundError, ConnectionError, PermissionError, ModuleNotFoundError: as
            the builder of the network.
    """
    module = sys.modules[builder(name).__module__] if name in _BUILDERS else None
    if not hasattr(module, "first_weights"):
        return []
    return module.first_weights(settings)


def check_settings(name, function, settings, given=_GIVEN):
    """Refuse settings that a builder does not have.

    Args:
        name: of the model, for the message.
        function: its builder.
        settings: dictionary of keyword arguments.
        given: names of its arguments that are not settings.

    Raises:
        ValueError: a setting is unknown.
    """
    known = set(inspect.signature(function).parameters) - set(given)
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(
            f"Settings of model {name!r} must be among {sorted(known)}. "
            f"Received: {unknown}. Correct the spelling or remove them."
        )


def build(name, input_shape, num_classes, **settings):
    """Build an uncompiled functional `keras.Model` that ends in class probabilities.

    Args:
        name: one of `names()`.
        input_shape: shape of one clip's features with channels, such as `(bins, frames, 1)`.
        num_classes: width of the softmax.
        **settings: keyword arguments of the model's own builder, such as `dropout=0.3`.

    Returns:
        `keras.Model` from `(clips, *input_shape)` to `(clips, num_classes)`. Models for clips
        of any length take a dictionary of "features" and "mask" `(clips, frames)`.

    Raises:
        ValueError: unknown name or setting, or a shape that the network cannot take.
    """
    function = builder(name)
    check_settings(name, function, settings)
    return function(input_shape=tuple(input_shape), num_classes=num_classes, **settings)
