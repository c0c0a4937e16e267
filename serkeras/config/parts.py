"""Clips, features, augmentation and network of an experiment."""

from dataclasses import dataclass, field

from serkeras.config.base import Config, require

FITS = ("pad", "stretch", "keep")
LEVELS = ("as_is", "standard", "peak")
AVERAGES = ("none", "time", "frequency")
NORMALIZATIONS = ("bins", "whiten", "speaker", "none")


@dataclass(frozen=True)
class AudioConfig(Config):
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
        trim_start: remove silence before the voice too, with `trim_silence`.
        trim_db: decibels below the clip's peak that count as silence.
    """

    sample_rate: int = 16000
    duration_s: float = 3.0
    fit: str = "pad"
    level: str = "as_is"
    trim_silence: bool = False
    trim_start: bool = False
    trim_db: float = 60.0

    def __post_init__(self):
        require(
            self,
            {
                "sample_rate": (self.sample_rate > 0, "a rate above 0 Hz"),
                "duration_s": (self.samples > 0, "long enough for one sample"),
                "fit": (self.fit in FITS, f"one of {FITS}"),
                "level": (self.level in LEVELS, f"one of {LEVELS}"),
                "trim_start": (self.trim_silence or not self.trim_start, "with trim_silence"),
                "trim_db": (self.trim_db > 0, "above 0 dB"),
            },
        )

    @property
    def samples(self):
        """Length of a clip in samples; with `fit="keep"` the most it can be."""
        return round(self.sample_rate * self.duration_s)


@dataclass(frozen=True)
class FeatureConfig(Config):
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
        floor_db: decibels of full scale below which `log_mel` tells nothing apart; None is 80 dB
            below the peak of each clip.
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
    floor_db: float | None = None
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
        require(
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
class AugmentConfig(Config):
    """What happens to training clips (never to validation or test clips).

    Attributes:
        copies: changed copies made of each training clip beside the clip itself.
        transforms: what changes the waveform, in order, as `serkeras.augment.names()` lists
            them: `{"name": "awgn", "snr_db": [15, 30], "probability": 0.5}`. A pair draws
            uniformly for each copy.
        on_the_fly: change the clips themselves, anew in every epoch, instead of making copies.
        layers: layers of `serkeras.features.layers` between scaling and network (in front of
            the features where those are computed in the graph and the layer takes waveforms),
            active in training: `{"name": "spec_augment", "time_masks": 2}`, or for pictures
            `{"name": "random_flip"}`; `serkeras.features.layers.make` lists them.
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
        require(
            self,
            {
                "copies": (self.copies >= 0, "0 or more"),
                "transforms": (named, "dictionaries with a name, as those of layers"),
                "on_the_fly": (apart, "false where copies are made"),
            },
        )


@dataclass(frozen=True)
class ModelConfig(Config):
    """Which network.

    Attributes:
        name: one of `serkeras.models.names()` or `serkeras.models.classical.names()`.
        settings: keyword arguments of its builder; of a classical model also lists of values,
            of which the best on the validation side is taken.
        normalize: what stands between features and network, fitted on the training side:
            "bins" (mean 0, deviation 1 of each bin), "whiten" (those decorrelated, ZCA-cor),
            "speaker" (mean 0, deviation 1 of each bin over the recordings of each speaker, test
            speakers too, see `serkeras.training.by_speaker`) or "none".
    """

    name: str = "cnn2-transformer"
    settings: dict = field(default_factory=dict)
    normalize: str = "bins"

    def __post_init__(self):
        known = self.normalize in NORMALIZATIONS
        require(self, {"normalize": (known, f"one of {NORMALIZATIONS}")})

    @property
    def by_speaker(self):
        """Whether an answer takes the statistics of all recordings of its speaker."""
        return self.normalize == "speaker" or bool(self.settings.get("speaker_norm"))

    @property
    def mixes_clips(self):
        """Whether a clip's prediction depends on its batch (a published fault, for study)."""
        return self.settings.get("attention_axis") == "batch"

    def clips_at_once(self, batch_size):
        """Return how many clips to predict at once: one where the model mixes clips."""
        return 1 if self.mixes_clips else batch_size
