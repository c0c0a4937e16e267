"""wav2vec 2.0, HuBERT and WavLM: from waveforms to hidden states of every layer."""

import keras
from keras import layers, ops

from serkeras.ssl import lora as adapters
from serkeras.ssl import parts
from serkeras.ssl.config import SSLConfig
from serkeras.ssl.convolutions import FeatureProjection, PositionalConvolution
from serkeras.ssl.randomness import dropout


def frames(config, samples):
    """Return how many frames the convolutions make of a clip, at least one.

    Args:
        config: `SSLConfig`.
        samples: int, or int tensor or array.

    Returns:
        as `samples`. A clip shorter than `least_samples(config)` is counted as one frame.
    """
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return max(samples, 1) if isinstance(samples, int) else ops.maximum(samples, 1)


def least_samples(config):
    """Return the samples that one frame sees: no shorter batch can be computed."""
    samples = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


@keras.saving.register_keras_serializable("serkeras")
class SSLBackbone(keras.Model):
    """A speech network of the wav2vec 2.0 family; the same numbers as transformers gives.

    Called on a waveform, or on a dictionary with

    - "waveform": float `(clips, samples)`, at the rate and level the network was trained with
      (16 kHz; for networks with layer norm, mean 0 and variance 1 of each clip);
    - "lengths" (may be left out): int `(clips,)`, samples of each clip before its padding. Frames
      of the padding are set to zero before the encoder, and nobody attends to them.

    it returns a dictionary with

    - "last_hidden_state": `(clips, frames, hidden_size)`;
    - "hidden_states": list of the same shape: what enters the first block, then what leaves each.
      With `do_stable_layer_norm` a last norm follows, so the last of the list is not
      "last_hidden_state" (as in transformers 5; transformers 4 put the normalised one there);
    - "frames_mask": bool `(clips, frames)`, True on frames that are not padding.

    A clip alone gives what it gives in a padded batch if `feat_extract_norm` is "layer". With
    "group" the first norm averages over a clip's padding too, with and without lengths: such
    networks were trained on zero-padded clips without a mask, and padding moves their results.

    Args:
        config: `SSLConfig`, or a dictionary that `SSLConfig.from_dict` takes.
        remat: bool, compute the encoder's blocks again for the gradient, see `EncoderBlock`.
        lora: settings of adapters, see `serkeras.ssl.lora.check`: then nothing else learns. None
            is the plain network.
        **kwargs: `name`, `trainable` and `dtype` of `keras.Model`.

    Source:
        Baevski et al. 2020, "wav2vec 2.0"; Hsu et al. 2021, "HuBERT"; Chen et al. 2022, "WavLM".
    """

    # As batch normalisation: what does not learn is not masked or dropped in training either.
    still_when_frozen = True

    def __init__(self, config, remat=False, lora=None, **kwargs):
        super().__init__(**kwargs)
        config = config if isinstance(config, SSLConfig) else SSLConfig.from_dict(config)
        self.config, self.remat, self.lora = config, remat, adapters.check(lora)
        policy, width = self.dtype_policy, config.hidden_size
        self.convolutions = parts.convolutions(config, policy)
        self.projection = FeatureProjection(
            width,
            config.feat_proj_layer_norm,
            config.layer_norm_eps,
            dtype=policy,
            name="projection",
        )
        self.masking = parts.masking(config, policy)
        self.positions = PositionalConvolution(
            config.num_conv_pos_embeddings,
            config.num_conv_pos_embedding_groups,
            dtype=policy,
            name="positions",
        )
        self.distance = parts.distance(config, policy)
        self.norm = layers.LayerNormalization(
            epsilon=config.layer_norm_eps, dtype=policy, name="norm"
        )
        self.blocks = [
            parts.block(config, index, remat, policy, self.lora)
            for index in range(config.num_hidden_layers)
        ]
        self.seeds = keras.random.SeedGenerator()
        self._make_weights()
        if self.lora is not None:
            adapters.keep_rest(self)

    def _make_weights(self):
        config, channels = self.config, 1
        for block, filters in zip(self.convolutions, config.conv_dim, strict=True):
            block.build((None, None, channels))
            channels = filters
        self.projection.build((None, None, channels))
        for layer in (self.masking, self.positions, self.distance, self.norm, *self.blocks):
            if layer is not None:
                layer.build((None, None, config.hidden_size))
        self.built = True

    def build(self, input_shape=None):
        """Do nothing: the weights are made with the model."""

    def call(self, inputs, training=False):
        """Return the dictionary that the class describes.

        Args:
            inputs: waveform `(clips, samples)`, or dictionary with "waveform" and "lengths".
            training: bool, whether masking, layer drop and dropouts act.

        Raises:
            ValueError: the inputs are not of that form, or too short for one frame.
        """
        training = training and self.trainable
        waveform, lengths = _split(inputs)
        self._check(waveform.shape)
        x = self._projected(ops.cast(waveform, self.compute_dtype))
        valid, counts = self._valid(lengths, ops.shape(x))
        x = self._drop(x, self.config.feat_proj_dropout, training)
        x = self.masking(x, counts, training=training)
        states, last = self._encoded(x, valid, training)
        if valid is None:
            valid = ops.ones(ops.shape(x)[:2], dtype="bool")
        return {"last_hidden_state": last, "hidden_states": states, "frames_mask": valid}

    def _valid(self, lengths, shape):
        """Return which frames are valid (None: all) and how many of each clip."""
        clips, count = shape[:2]
        if lengths is None:
            return None, ops.full((clips,), count, dtype="int32")
        counts = ops.minimum(frames(self.config, ops.cast(lengths, "int32")), count)
        return ops.arange(count, dtype="int32")[None] < counts[:, None], counts

    def _projected(self, waveform):
        x = ops.expand_dims(waveform, -1)
        for block in self.convolutions:
            x = block(x)
        return self.projection(x)

    def _encoded(self, x, valid, training):
        """Return what enters the first block and leaves each, and the result of the encoder."""
        if valid is not None:
            x = ops.where(valid[:, :, None], x, ops.zeros_like(x))
        x = x + self.positions(x)
        norm_first = self.config.do_stable_layer_norm
        x = x if norm_first else self.norm(x)
        states = [self._drop(x, self.config.hidden_dropout, training)]
        bias = None if self.distance is None else self.distance(x)
        for block in self.blocks:
            states.append(block(states[-1], valid, bias, training=training))
        return states, self.norm(states[-1]) if norm_first else states[-1]

    def _drop(self, x, rate, training):
        return dropout(x, rate, self.seeds.next() if training and rate > 0 else None)

    def parts(self):
        """Return the layers in the order in which freezing goes: lists of layers.

        The convolutions come first, then projection, masking, positions and first norm, then each
        block of the encoder.
        """
        between = [self.projection, self.masking, self.positions, self.distance]
        # Before or behind the blocks, there is one norm.
        norms = [] if self.config.do_stable_layer_norm else [self.norm]
        last = [self.norm] if self.config.do_stable_layer_norm else []
        blocks = [[block] for block in self.blocks]
        blocks[-1] += last
        return [self.convolutions, [x for x in (*between, *norms) if x is not None], *blocks]

    def _check(self, shape):
        """Refuse a waveform of another rank, or a batch without a whole frame."""
        if len(shape) != 2:
            raise ValueError(
                "The waveform must be `(clips, samples)`. "
                f"Received: shape={tuple(shape)}. Stack mono clips into one array."
            )
        least = least_samples(self.config)
        if isinstance(shape[1], int) and shape[1] < least:
            raise ValueError(
                f"The waveform must have at least {least} samples, which one frame sees. "
                f"Received: {shape[1]}. Pad the clips."
            )

    def compute_output_spec(self, inputs, training=False):
        """Return shapes and types of the result, without computing it."""
        waveform, _ = _split(inputs)
        self._check(waveform.shape)
        clips, samples = waveform.shape
        shape = (clips, None if samples is None else frames(self.config, samples))
        state = (*shape, self.config.hidden_size)
        count = len(self.blocks) + 1
        return {
            "last_hidden_state": keras.KerasTensor(state, self.compute_dtype),
            "hidden_states": [keras.KerasTensor(state, self.compute_dtype) for _ in range(count)],
            "frames_mask": keras.KerasTensor(shape, "bool"),
        }

    def get_config(self):
        """Return the constructor's arguments."""
        names = ("name", "trainable", "remat", "lora")
        policy = keras.saving.serialize_keras_object(self.dtype_policy)
        kept = {name: getattr(self, name) for name in names}
        return {**kept, "dtype": policy, "config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Return a model made with what `get_config` gave."""
        return cls(**config)


def build(config, samples=None, remat=False, lora=None):
    """Return a network with random weights.

    Args:
        config: `SSLConfig`.
        samples: int, samples of every batch, to have it checked here; None: any number.
        remat: bool, compute the encoder's blocks again for the gradient: less memory, more time.
        lora: settings of adapters, see `serkeras.ssl.lora.check`, or None.

    Returns:
        `SSLBackbone`, not compiled.

    Raises:
        ValueError: `samples` is too few for one frame, or the adapters cannot be made.
    """
    model = SSLBackbone(config, remat=remat, lora=lora, name=config.model_type)
    model(keras.Input((samples,), name="waveform"))
    return model


def _split(inputs):
    """Return waveform and lengths (or None) of what a model was called on."""
    if not isinstance(inputs, dict):
        return inputs, None
    unknown = sorted(set(inputs) - {"waveform", "lengths"})
    if "waveform" not in inputs or unknown:
        raise ValueError(
            "The inputs must be 'waveform' and, where clips are padded, 'lengths'. "
            f"Received: {sorted(inputs)}. Correct the names."
        )
    return inputs["waveform"], inputs.get("lengths")
