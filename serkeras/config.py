"""Every number of a run, as frozen dataclasses that travel to JSON and back."""

import dataclasses
import types
import typing
from dataclasses import dataclass, field

MONITORS = ("val_loss", "val_accuracy")


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
    """How a file becomes a waveform of fixed length.

    Attributes:
        sample_rate: hertz after resampling.
        duration_s: seconds; longer clips are cut at the end, shorter ones padded with zeros.
        trim_silence: remove trailing silence before the length is fixed.
        trim_db: decibels below the clip's peak that count as silence.
    """

    sample_rate: int = 16000
    duration_s: float = 3.0
    trim_silence: bool = False
    trim_db: float = 60.0

    def __post_init__(self):
        _require(
            self,
            {
                "sample_rate": (self.sample_rate > 0, "a rate above 0 Hz"),
                "duration_s": (self.samples > 0, "long enough for one sample"),
                "trim_db": (self.trim_db > 0, "above 0 dB"),
            },
        )

    @property
    def samples(self):
        """Length of a clip in samples."""
        return round(self.sample_rate * self.duration_s)


@dataclass(frozen=True)
class FeatureConfig(_Config):
    """How a waveform becomes an image of (bins, frames).

    Attributes:
        name: "mfcc" or "log_mel".
        n_mfcc: cepstral coefficients kept (MFCC only).
        n_mels: mel bands.
        n_fft: samples of the Fourier window (periodic Hann).
        hop_length: samples between frames.
        fmin, fmax: hertz, edges of the mel bank; `fmax=None` is half the sample rate.
    """

    name: str = "mfcc"
    n_mfcc: int = 128
    n_mels: int = 128
    n_fft: int = 2048
    hop_length: int = 512
    fmin: float = 0.0
    fmax: float | None = None


@dataclass(frozen=True)
class AugmentConfig(_Config):
    """Noisy copies of training clips (never of validation or test clips).

    Attributes:
        awgn_copies: copies with additive white Gaussian noise made of each training clip.
        snr_db: (low, high) decibels; each copy draws its ratio uniformly.
    """

    awgn_copies: int = 0
    snr_db: tuple[float, float] = (15.0, 30.0)

    def __post_init__(self):
        ordered = len(self.snr_db) == 2 and self.snr_db[0] <= self.snr_db[1]
        _require(
            self,
            {
                "awgn_copies": (self.awgn_copies >= 0, "0 or more"),
                "snr_db": (ordered, "a pair (low, high) in decibels"),
            },
        )


@dataclass(frozen=True)
class ModelConfig(_Config):
    """Which network; `settings` are keyword arguments of its builder."""

    name: str = "cnn2-transformer"
    settings: dict = field(default_factory=dict)

    @property
    def mixes_clips(self):
        """Whether a clip's prediction depends on its batch (a published fault, for study)."""
        return self.settings.get("attention_axis") == "batch"


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """How the network is fitted.

    Attributes:
        learning_rate: of the Adam optimiser.
        batch_size: clips a step.
        epochs: upper bound of the first fit.
        monitor: what makes an epoch the best one: "val_loss" (as the source report did) or
            "val_accuracy", which on small corpora keeps rising long after the loss has turned.
        patience: epochs without a better one before it stops.
        retrain: fit a fresh network for the best number of epochs (as the source report
            did); otherwise the weights of the best epoch are kept.
    """

    learning_rate: float = 1e-4
    batch_size: int = 32
    epochs: int = 100
    monitor: str = "val_loss"
    patience: int = 20
    retrain: bool = True

    def __post_init__(self):
        _require(
            self,
            {
                "learning_rate": (self.learning_rate > 0, "above 0"),
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
    """

    recipe: str = "cnn2-transformer"
    data: tuple[str, ...] = ("synthetic",)
    label_scheme: str = "own"
    split: str = "speaker"
    seed: int = 0
    audio: AudioConfig = field(default_factory=AudioConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self):
        _require(self, {"seed": (self.seed >= 0, "0 or more")})

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
