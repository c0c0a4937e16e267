"""A layer that heads of torchvision have and older Keras has not."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("serkeras")
class AdaptiveAveragePooling(keras.layers.Layer):
    """Averages a feature map over `size` x `size` windows that cover it, as torch does.

    Args:
        size: int, rows and columns of the output, whatever the input has.
        name: str, of the layer.
    """

    def __init__(self, size, name=None, **settings):
        super().__init__(name=name, **settings)
        self.size = size

    def call(self, x):
        """Return the averages `(batch, size, size, channels)`."""
        rows, columns = (ops.cast(window_matrix(side, self.size), x.dtype) for side in x.shape[1:3])
        return ops.einsum("bhwc,hi,wj->bijc", x, rows, columns)

    def compute_output_shape(self, input_shape):
        """Return `(batch, size, size, channels)`."""
        return (input_shape[0], self.size, self.size, input_shape[3])

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "size": self.size}


def window_matrix(side, size):
    """Return the float32 matrix `(side, size)` that averages each window.

    Window i spans floor(i side / size) to ceil((i + 1) side / size); windows may overlap.
    """
    matrix = np.zeros((side, size), np.float32)
    for index in range(size):
        start, stop = index * side // size, -(-(index + 1) * side // size)
        matrix[start:stop, index] = 1 / (stop - start)
    return matrix
