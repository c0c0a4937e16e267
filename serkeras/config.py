"""Every number of a run, as frozen dataclasses that travel to JSON and back."""

import dataclasses
import types
import typing
from dataclasses import dataclass, field

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
LOSSES = ("cross_entropy", "focal", "hinge")
WEIGHTINGS = ("none", "balanced")
MONITORS = ("val_loss", "val_accuracy")
COMBINATIONS = ("mean", "weighted", "geometric")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
FITS = ("pad", "stretch", "keep")
LEVELS = ("as_is", "standard", "peak")
AVERAGES = ("none", "time", "frequency")
NORMALIZATIONS = ("bins", "whiten", "none")


class _Config:
    """Dictionary conversion and changed copies, shared by all parts of an experiment."""

    def to_dict(self):
        """Return a plain dictionary that `json.dump` accepts."""
        return _plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, values):
        """Build from a dictionary; unknown keys are an error, missing ones take defaults.

        Raises:
            ValueError: a key is unknown, or a value has the wrong type.
        """
        hints = typing.get_type_hints(cls)
        unknown = sorted(set(values) - set(hints))
        if unknown:
            raise ValueError(
                f"Settings of {cls.__name__} must be among {sorted(hints)}. "
                f"Received: {unknown}. Correct the spelling or remove them."
            )
        return cls(**{key: _convert(cls, key, hints[key], values[key]) for key in values})

    def replace(self, **changes):
        """Return a copy with some fields changed (same rules as `from_dict`)."""
        return type(self).from_dict({**self.to_dict(), **changes})


def _require(config, rules):
    """Raise at the first rule `{field: (holds, words)}` that does not hold."""
    for name, (holds, words) in rules.items():
        if not holds:
            raise ValueError(
                f"`{name}` of {type(config).__name__} must be {words}. "
                f"Received: {getattr(config, name)!r}. Give another value."
            )


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _element(kind):
    """Return the type of the elements of `tuple[float, float]` or `tuple[str, ...]`."""
    return typing.get_args(kind)[0]


def _convert(cls, key, hint, value):
    """Turn a JSON value into the type its field is declared with."""
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else hint.from_dict(value)
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in allowed:
        origin = typing.get_origin(kind) or kind
        if origin is tuple and isinstance(value, (list, tuple)):
            return tuple(_convert(cls, key, _element(kind), item) for item in value)
        if origin is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, origin) and not (isinstance(value, bool) and origin is int):
            return value
    raise ValueError(
        f"`{key}` of {cls.__name__} must be {hint}. Received: {value!r} "
        f"({type(value).__name__}). Give a value of that type."
    )


@dataclass(frozen=True)
class AudioConfig(_Config):
    """How a file becomes a waveform.

    Attributes:
        sample_rate: hertz after resampling.
        duration_s: seconds of a clip, or the most of it with `fit="keep"`.
        fit: "pad" cuts longer clips at the end and pads shorter ones with zeros; "stretch"
            resamples the whole clip to the length (speed and pitch change, as in report S1);
            "keep" leaves clips their own length and only cuts what is over `duration_s`.
        level: "as_is"; "standard" for mean 0 and deviation 1 (report S1); "peak" for a largest
            sample of 1. Applied before padding.
        trim_silence: remove trailing silence before the length is fixed.
        trim_db: decibels below the clip's peak that count as silence.
    """

    sample_rate: int = 16000
    duration_s: float = 3.0
    fit: str = "pad"
    level: str = "as_is"
    trim_silence: bool = False
    trim_db: float = 60.0

    def __post_init__(self):
        _require(
            self,
            {
                "sample_rate": (self.sample_rate > 0, "a rate above 0 Hz"),
                "duration_s": (self.samples > 0, "long enough for one sample"),
                "fit": (self.fit in FITS, f"one of {FITS}"),
                "level": (self.level in LEVELS, f"one of {LEVELS}"),
                "trim_db": (self.trim_db > 0, "above 0 dB"),
            },
        )

    @property
    def samples(self):
        """Length of a clip in samples; with `fit="keep"` the most it can be."""
        return round(self.sample_rate * self.duration_s)


@dataclass(frozen=True)
class FeatureConfig(_Config):
    """How a waveform becomes what a network sees.

    Attributes:
        name: a feature (`serkeras.features.names()`), or several joined with "+", which are
            stacked along frequency: "mel+mfcc+chroma".
        n_mfcc: cepstral coefficients kept.
        n_mels: mel bands.
        n_fft: samples of the Fourier transform.
        win_length: samples of the window (periodic Hann), padded to `n_fft`; None is `n_fft`.
        hop_length: samples between frames.
        fmin, fmax: hertz, edges of the mel bank; `fmax=None` is half the sample rate.
        whiten: standardise and decorrelate the bins of each clip (ZCA-cor, after report S1).
        average: "none"; "time" for one number a bin; "frequency" for one number a frame.
        frames: pad with zeros or cut to so many frames (report S0: 250); None leaves them.
        windows: samples of the windows of `multi_resolution`, hops a quarter of them.
        width: frames to which three-channel spectrograms are resized.
        image_size: pixels of a side of `mel_image`.
        image_range_db: (low, high) decibels that the colours of `mel_image` span.
        colormap: of `mel_image`, a name that matplotlib knows.
        in_graph: compute the feature inside the model, which then takes waveforms.
    """

    name: str = "mfcc"
    n_mfcc: int = 128
    n_mels: int = 128
    n_fft: int = 2048
    win_length: int | None = None
    hop_length: int = 512
    fmin: float = 0.0
    fmax: float | None = None
    whiten: bool = False
    average: str = "none"
    frames: int | None = None
    windows: tuple[int, ...] = (1024, 2048, 4096)
    width: int = 256
    image_size: int = 224
    image_range_db: tuple[float, float] = (-80.0, 30.0)
    colormap: str = "magma"
    in_graph: bool = False

    def __post_init__(self):
        low_to_high = (
            len(self.image_range_db) == 2 and self.image_range_db[0] < (self.image_range_db[1])
        )
        _require(
            self,
            {
                "average": (self.average in AVERAGES, f"one of {AVERAGES}"),
                "frames": (self.frames is None or self.frames >= 1, "None or 1 and more"),
                "windows": (len(self.windows) == 3, "three window lengths in samples"),
                "width": (self.width >= 1, "1 or more"),
                "image_size": (self.image_size >= 1, "1 or more"),
                "image_range_db": (low_to_high, "a pair (low, high) in decibels"),
            },
        )


@dataclass(frozen=True)
class AugmentConfig(_Config):
    """What happens to training clips (never to validation or test clips).

    Attributes:
        copies: changed copies made of each training clip beside the clip itself.
        transforms: what changes the waveform, in order, as `serkeras.augment.names()` lists
            them: `{"name": "awgn", "snr_db": [15, 30], "probability": 0.5}`. A pair draws
            uniformly for each copy.
        on_the_fly: change the clips themselves, anew in every epoch, instead of making copies.
        layers: layers of `serkeras.features.layers` between scaling and network (in front of
            the features where those are computed in the graph and the layer takes waveforms),
            active in training: `{"name": "spec_augment", "time_masks": 2}`.
    """

    copies: int = 0
    transforms: tuple[dict, ...] = ({"name": "awgn", "snr_db": [15.0, 30.0]},)
    on_the_fly: bool = False
    layers: tuple[dict, ...] = ()

    def __post_init__(self):
        named = all(
            isinstance(item, dict) and "name" in item for item in (*self.transforms, *self.layers)
        )
        apart = not (self.on_the_fly and self.copies)
        _require(
            self,
            {
                "copies": (self.copies >= 0, "0 or more"),
                "transforms": (named, "dictionaries with a name, as those of layers"),
                "on_the_fly": (apart, "false where copies are made"),
            },
        )


@dataclass(frozen=True)
class ModelConfig(_Config):
    """Which network.

    Attributes:
        name: one of `serkeras.models.names()` or `serkeras.models.classical.names()`.
        settings: keyword arguments of its builder; of a classical model also lists of values,
            of which the best on the validation side is taken.
        normalize: what stands between features and network, fitted on the training side:
            "bins" (mean 0, deviation 1 of each bin), "whiten" (those decorrelated, ZCA-cor)
            or "none".
    """

    name: str = "cnn2-transformer"
    settings: dict = field(default_factory=dict)
    normalize: str = "bins"

    def __post_init__(self):
        known = self.normalize in NORMALIZATIONS
        _require(self, {"normalize": (known, f"one of {NORMALIZATIONS}")})

    @property
    def mixes_clips(self):
        """Whether a clip's prediction depends on its batch (a published fault, for study)."""
        return self.settings.get("attention_axis") == "batch"


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """How the network is fitted. A classical model follows `class_weights` alone.

    Attributes:
        optimizer: "adam", "adamw", "rmsprop" or "sgd".
        learning_rate: of the optimiser; what `schedule` starts from.
        weight_decay: with "adamw" the share of a weight (times the learning rate) that every
            step takes away; with the others an L2 penalty in the gradient, as in PyTorch.
        decay_only: parts of the names of the weights that decay, for instance ["block"]; none
            means all.
        schedule: rule of the learning rate, `{"name": "plateau", "factor": 0.5, "patience":
            5}`; see `serkeras.training.schedules`. Empty is constant.
        loss: "cross_entropy", "focal" or "hinge", see `serkeras.training.losses`.
        label_smoothing: share of the truth that is spread over all classes.
        focal_gamma: of the focal loss.
        class_weights: "none", or "balanced" for clips that count by the rarity of their class.
        layer_rates: learning rates of the parts of a pretrained network against that of its head,
            `{"backbone": 0.1, "decay": 0.5, "thaw_every": 2}`; see
            `serkeras.training.layer_rates`. Empty is one rate for all.
        cache_frozen: compute once, and keep, what the frozen part of a network gives, where
            nothing random stands in front of it.
        precision: of the network's arithmetic: "float32", "mixed_bfloat16" or "mixed_float16".
            Weights, features, loss and probabilities stay float32.
        jit_compile: compile the steps with XLA; None leaves it to Keras, which does so on GPUs.
        steps_per_execution: steps that TensorFlow takes at a time (on JAX and PyTorch too).
        member: number of the run among those that an ensemble has of one split and seed; it
            decides weights and order, and nothing else.
        batch_size: clips a step.
        epochs: upper bound of the first fit.
        monitor: what makes an epoch the best one: "val_loss" (as the source report did) or
            "val_accuracy", which on small corpora keeps rising long after the loss has turned.
        patience: epochs without a better one before it stops.
        retrain: fit a fresh network for the best number of epochs (as the source report
            did); otherwise the weights of the best epoch are kept.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    decay_only: tuple[str, ...] = ()
    schedule: dict = field(default_factory=dict)
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    class_weights: str = "none"
    layer_rates: dict = field(default_factory=dict)
    cache_frozen: bool = True
    precision: str = "float32"
    jit_compile: bool | None = None
    steps_per_execution: int = 1
    member: int = 0
    batch_size: int = 32
    epochs: int = 100
    monitor: str = "val_loss"
    patience: int = 20
    retrain: bool = True

    def __post_init__(self):
        _require(
            self,
            {
                "optimizer": (self.optimizer in OPTIMIZERS, f"one of {OPTIMIZERS}"),
                "learning_rate": (self.learning_rate > 0, "above 0"),
                "weight_decay": (self.weight_decay >= 0, "0 or more"),
                "decay_only": (
                    self.weight_decay > 0 or not self.decay_only,
                    "empty where weight_decay is 0",
                ),
                "label_smoothing": (
                    0 <= self.label_smoothing < 1
                    and not (self.loss == "hinge" and self.label_smoothing),
                    "in [0, 1), and 0 for hinge",
                ),
                "focal_gamma": (self.focal_gamma >= 0, "0 or more"),
                "loss": (self.loss in LOSSES, f"one of {LOSSES}"),
                "class_weights": (self.class_weights in WEIGHTINGS, f"one of {WEIGHTINGS}"),
                "precision": (self.precision in PRECISIONS, f"one of {PRECISIONS}"),
                "steps_per_execution": (self.steps_per_execution >= 1, "1 or more"),
                "member": (self.member >= 0, "0 or more"),
                "batch_size": (self.batch_size >= 1, "1 or more"),
                "epochs": (self.epochs >= 1, "1 or more"),
                "monitor": (self.monitor in MONITORS, f"one of {MONITORS}"),
                "patience": (self.patience >= 1, "1 or more"),
            },
        )


@dataclass(frozen=True)
class Experiment(_Config):
    """All that decides a run; two runs with equal experiments give equal figures.

    Attributes:
        recipe: name of the recipe that it started from.
        data: corpora, as the command line takes them ("ravdess", "tess=DIR", "my.csv").
        label_scheme: "own", "seven" or "four".
        split: kind of split, see `serkeras.splits.make`.
        seed: of split, augmentation, initial weights and order of clips.
        members: runs of one split that make an ensemble, see `serkeras.ensembles`; 1 is a run.
        combine: how an ensemble joins their probabilities: "mean", "weighted" or "geometric".
    """

    recipe: str = "cnn2-transformer"
    data: tuple[str, ...] = ("synthetic",)
    label_scheme: str = "own"
    split: str = "speaker"
    seed: int = 0
    members: int = 1
    combine: str = "mean"
    audio: AudioConfig = field(default_factory=AudioConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self):
        _require(
            self,
            {
                "seed": (self.seed >= 0, "0 or more"),
                "members": (self.members >= 1, "1 or more"),
                "combine": (self.combine in COMBINATIONS, f"one of {COMBINATIONS}"),
            },
        )

    def with_settings(self, assignments):
        """Return a copy changed by dotted assignments.

        Args:
            assignments: dictionary such as `{"training.epochs": 2,
                "model.settings.dropout": 0.2}`.

        Raises:
            ValueError: a name does not exist or a value has the wrong type.
        """
        values = self.to_dict()
        for dotted, value in assignments.items():
            *parents, last = dotted.split(".")
            place = values
            for name in parents:
                if not isinstance(place.get(name), dict):
                    raise ValueError(
                        f"A setting must name a part of the experiment, one of {sorted(place)}. "
                        f"Received: {dotted!r}. Write it as part.name, "
                        "for instance training.epochs."
                    )
                place = place[name]
            place[last] = value
        return type(self).from_dict(values)
