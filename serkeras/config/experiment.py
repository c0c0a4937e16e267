"""The whole of an experiment."""

from dataclasses import dataclass, field

from serkeras.config.base import Config, plain, require
from serkeras.config.parts import AudioConfig, AugmentConfig, FeatureConfig, ModelConfig
from serkeras.config.training import TrainingConfig

COMBINATIONS = ("mean", "weighted", "geometric")


@dataclass(frozen=True)
class Experiment(Config):
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
        require(
            self,
            {"combine": (self.combine in COMBINATIONS, f"one of {COMBINATIONS}")},
        )
        require(
            self,
            {
                "seed": (self.seed >= 0, "0 or more"),
                "members": (self.members >= 1, "1 or more"),
                "training": (
                    not (self.training.mixup and self.audio.fit == "keep"),
                    "without mixup where audio.fit='keep': clips of several lengths do not mix",
                ),
                "combine": (
                    not (self.combine == "weighted" and self.training.learns_validation),
                    "'mean' or 'geometric' where training.fit_sides='train+validation': no clips "
                    "are left to fit weights with",
                ),
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
            place[last] = plain(value)
        return type(self).from_dict(values)
