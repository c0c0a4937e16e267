"""Training on several devices of one machine: each step shares its batch out among them.

On JAX `keras.distribution.DataParallel` computes what one device would: losses and statistics are
of the whole batch. On TensorFlow `tf.distribute.MirroredStrategy` gives each device a part of the
batch to itself; `join_statistics`, `even_out` and `serkeras.training.whole_batch` bring that to the
figures of one device, but for what is drawn at random: devices draw the same numbers for their
parts. `keras.distribution` has no backend but JAX.
"""

import contextlib
import functools

import keras
import numpy as np

_CLIPS_OF_A_DEVICE = 2
# `tf.distribute` strategies by the names of their devices.
_strategies = {}


def found():
    """Return the names of the devices that a fit can be shared out among, accelerators if any."""
    if keras.backend.backend() == "jax":
        return keras.distribution.list_devices()
    import tensorflow as tf

    devices = tf.config.list_logical_devices
    return [device.name for device in devices("GPU") or devices("CPU")]


def count(asked):
    """Return the number of devices that `training.devices` stands for on this machine.

    Args:
        asked: int, or "all".
    """
    return len(found()) if asked == "all" else asked


def check(experiment):
    """Refuse devices that are not there, and settings that cannot be shared out.

    Args:
        experiment: `serkeras.config.Experiment` of a network.

    Raises:
        ValueError: says what to change.
    """
    asked, backend = experiment.training.devices, keras.backend.backend()
    if asked == 1:
        return
    if backend == "torch":
        raise ValueError(
            "Several devices are for the backends JAX and TensorFlow. Received: "
            f"training.devices={asked!r} on PyTorch. Set KERAS_BACKEND, or training.devices=1."
        )
    there, number = found(), count(asked)
    if number > len(there):
        raise ValueError(
            f"There must be as many devices as are asked for. Received: training.devices={asked}, "
            f"where {backend} finds {len(there)}: {', '.join(there)}. Set it to 'all', or fewer."
        )
    if number > 1:
        _check_batch(experiment.training, number, backend)
    if number > 1 and backend == "tensorflow":
        _check_mirrored(experiment, number)


def _check_batch(training, number, backend):
    least = _CLIPS_OF_A_DEVICE if backend == "tensorflow" else 1
    size = training.batch_size
    if size % number or size < least * number:
        raise ValueError(
            f"A batch must have the same number of clips, {least} or more, for each device. "
            f"Received: training.batch_size={size} for {number} devices. Set it to a multiple of "
            f"{number}, {least * number} or more."
        )


def _check_mirrored(experiment, number):
    """Refuse what `tf.distribute.MirroredStrategy` and Keras cannot do together."""
    training = experiment.training
    wrong = {
        # Keras updates the weights inside a condition, which mirrored ones do not allow.
        "training.accumulate": training.accumulate > 1,
        # Keras looks for infinite gradients before they are added up: devices part ways.
        "training.precision='mixed_float16'": training.precision == "mixed_float16",
        "training.jit_compile=true": training.jit_compile,
        "training.steps_per_execution": training.steps_per_execution > 1,
        "a model whose clips see each other": experiment.model.mixes_clips,
    }
    asked = [name for name, is_asked in wrong.items() if is_asked]
    if asked:
        raise ValueError(
            "Settings must be among those that several devices can follow on TensorFlow. "
            f"Received: {', '.join(asked)} with training.devices={training.devices!r}. Leave it "
            "out, choose KERAS_BACKEND=jax, or training.devices=1."
        )
    earlier = [len(names) for names in _strategies]
    if earlier and number not in earlier:
        raise ValueError(
            "On TensorFlow all fits of a process must have the same number of devices, or one. "
            f"Received: {number} after {earlier[0]}. Begin a new process."
        )


@functools.cache
def _distribution(names):
    from keras.distribution import DataParallel, TensorLayout

    class Distribution(DataParallel):
        """Gives every device the whole of a batch that they cannot share evenly."""

        def get_data_layout(self, data_shape):
            if data_shape[0] % len(names):
                return TensorLayout([None] * len(data_shape), self.device_mesh)
            return super().get_data_layout(data_shape)

    return Distribution(devices=list(names))


def _strategy(names):
    if names not in _strategies:
        _strategies[names] = _mirrored(names)
    return _strategies[names]


def _mirrored(names):
    import tensorflow as tf

    class Strategy(tf.distribute.MirroredStrategy):
        """Tells Keras, which wants the mean of a first batch for its shape, one device's part.

        Parts of unequal sizes and masks have no mean.
        """

        def reduce(self, reduce_op, value, axis):
            if reduce_op == "MEAN":
                return self.experimental_local_results(value)[0]
            return super().reduce(reduce_op, value, axis)

    return Strategy(list(names))


def _names(number):
    return tuple(found()[:number])


def variables(number):
    """Return the context in which the model of a fit is made: each device has its variables.

    Args:
        number: int, devices.
    """
    if number == 1:
        return contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        return _distribution(_names(number)).scope()
    return _strategy(_names(number)).scope()


def steps(number):
    """Return the context in which the model of a fit is fitted.

    On JAX it is an empty one, since `Shared` has the batches: Keras would lay all batches of an
    epoch out as the first one, and fail at a last one that the devices cannot share evenly.

    Args:
        number: int, devices.
    """
    is_jax = keras.backend.backend() == "jax"
    return contextlib.nullcontext() if is_jax else variables(number)


class Shared(keras.utils.PyDataset):
    """Batches that lie on the devices already, for JAX.

    Args:
        batches: `keras.utils.PyDataset`.
        number: int, devices. A batch that they cannot share evenly is given to each as a whole.
    """

    def __init__(self, batches, number):
        super().__init__()
        self._batches, self._distribution = batches, _distribution(_names(number))

    def __len__(self):
        """Return the number of batches."""
        return len(self._batches)

    def __getitem__(self, index):
        """Return a batch as JAX arrays."""
        return keras.tree.map_structure(self._place, self._batches[index])

    def _place(self, array):
        import jax

        return jax.device_put(array, self._distribution.get_data_layout(array.shape).backend_layout)


def even_out(batches, number):
    """Give the last batch a clip for each device, from the batch before, where it has fewer.

    Only on TensorFlow, where a device would compute with no clip, which not every operation takes.

    Args:
        batches: list of int arrays, rows; all but the last of one size, twice `number` or more.
        number: int, devices.

    Returns:
        list of as many int arrays, of the same rows.

    Raises:
        ValueError: there is no batch before.
    """
    missing = number - len(batches[-1])
    if keras.backend.backend() != "tensorflow" or missing <= 0:
        return batches
    if len(batches) == 1:
        raise ValueError(
            "There must be a clip for each device. Received: "
            f"{len(batches[-1])} clips for {number} devices. Set training.devices to fewer."
        )
    *earlier, before, last = batches
    return [*earlier, before[:-missing], np.concatenate([before[-missing:], last])]


def replicas():
    """Return how many devices add up what they compute in this step: more than 1 on TensorFlow.

    What each of them adds for itself, and not for its clips, is to be divided by it.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def join_statistics(model):
    """Let the batch normalisations of a model take statistics over the parts of all devices.

    Otherwise each device would follow its own, and the first one's alone would be kept.

    Args:
        model: `keras.Model` that is compiled in the context `variables`.
    """
    if replicas() > 1:
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                layer.synchronized = True
