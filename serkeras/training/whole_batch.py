"""The loss of a batch that several devices share, on TensorFlow."""

import keras

from serkeras.training import devices


def of_whole_batch(loss):
    """Return a loss whose gradient is that of the mean over a batch, if parts are unequal too.

    Args:
        loss: Keras loss of a model that is compiled in the context `variables`.

    Returns:
        The loss itself where a device has the whole batch.
    """
    return WholeBatchLoss(keras.losses.get(loss)) if devices.replicas() > 1 else loss


@keras.saving.register_keras_serializable("serkeras")
class WholeBatchLoss(keras.losses.Loss):
    """Weighs the gradient of each device by its share of the clips, on TensorFlow.

    Keras takes the mean of the devices' means, in which a clip of a smaller part counts more. The
    values stay as they are: Keras weighs them by clips itself when it tells the loss of an epoch.

    Args:
        loss: `keras.losses.Loss`, or function of targets and predictions.
        name: str.
    """

    def __init__(self, loss, name="whole_batch_loss"):
        super().__init__(name=name)
        self.loss = loss

    def call(self, y_true, y_pred):
        """Return the loss of each clip `(clips,)`."""
        import tensorflow as tf

        losses = getattr(self.loss, "call", self.loss)(y_true, y_pred)
        device = tf.distribute.get_replica_context()
        if device is None:  # Keras looks at shapes
            return losses
        clips = tf.cast(tf.shape(losses)[0], losses.dtype)
        mean = device.all_reduce(tf.distribute.ReduceOp.MEAN, clips)
        still = tf.stop_gradient(losses)
        return still + clips / mean * (losses - still)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"loss": keras.saving.serialize_keras_object(self.loss), "name": self.name}

    @classmethod
    def from_config(cls, config):
        """Make one of what `get_config` returned."""
        return cls(keras.saving.deserialize_keras_object(config["loss"]), config["name"])
