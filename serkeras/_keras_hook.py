"""Makes the layers and initialisers known to Keras as soon as Keras is imported, not importing it.

So a saved model loads wherever serkeras and Keras were imported, in either order.
"""

import importlib

import wrapt

_MODULES = (
    "serkeras.features.layers",
    "serkeras.models.attention",
    "serkeras.models.backbones.layers",
    "serkeras.models.fusion.attention",
    "serkeras.models.reslstm",
    "serkeras.ssl.backbone",
    "serkeras.ssl.pooling",
)


def _register(keras):
    for module in _MODULES:
        importlib.import_module(module)


# Calls back at once where Keras is imported already.
wrapt.register_post_import_hook(_register, "keras")
