"""Makes the layers known to Keras as soon as Keras is imported, without importing it.

So a saved model loads wherever serkeras and Keras were imported, in either order.
"""

import importlib

import wrapt


def _register(keras):
    importlib.import_module("serkeras.features.layers")


# Calls back at once where Keras is imported already.
wrapt.register_post_import_hook(_register, "keras")
